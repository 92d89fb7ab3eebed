"""Layers of the IMSE networks, one per file."""
