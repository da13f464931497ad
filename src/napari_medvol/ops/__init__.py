"""Volumes to volumes."""
