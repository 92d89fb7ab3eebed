"""Nodes to C: one function per node, calling kernels with constant shapes.

The portable layers by what they do (:mod:`convolutions`, :mod:`elementwise`, :mod:`sums`,
:mod:`moves`), put together in :mod:`portable`; every other kernel set overrides the layers that it
has kernels for.
"""
