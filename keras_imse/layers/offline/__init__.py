"""Layers of the published, offline IMSE network, one per file.

Layout everywhere: ``(batch, time, freq, channels)``. Batch and time may be unknown when a layer
is called for training; with known shapes every table is a constant of the graph.
"""
