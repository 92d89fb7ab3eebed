"""Machines that run the built image without a board."""
