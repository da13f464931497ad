"""Scans made in code: what tests and benchmarks read, and what is in it."""
