"""One module a widget; each asks, calls a pure function, and shows."""
