"""Shared building blocks of every package: errors, registry, processes."""
