"""Ahead-of-time runtime: the graph becomes C that calls kernels with constant shapes.

Stages, one module each: :mod:`lower` (graph to checked integer nodes), :mod:`rings` (state as ring
buffers), :mod:`layout` (which tensors share memory), :mod:`memory` (offsets in the arena),
:mod:`emit` (C text per kernel set), :mod:`backend` (files and figures).
"""
