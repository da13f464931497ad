"""Steps as text: what a history says, kept in a file, replayed elsewhere."""
