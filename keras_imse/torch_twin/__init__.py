"""PyTorch twin of the published network, for training where PyTorch is (extra ``torch``).

Own code with the parameter names and layouts of the authors' checkpoints, so their state dicts
load as they are, and those of the twin go to tf-keras with :mod:`keras_imse.weights`.
Layout inside: ``(batch, channels, time, freq)``. Nothing else of the package imports it.
"""
