"""Reading and writing the weights of the published network.

:func:`load_imse_weights` takes the authors' PyTorch checkpoint, a ``.npz`` of its tensors or a
Keras weights file; :func:`save_imse_weights` writes any of the three.
"""

from __future__ import annotations

from keras_imse.weights.transfer import (
    export_tensors,
    import_tensors,
    load_imse_weights,
    read_tensors,
    save_imse_weights,
)

__all__ = [
    "export_tensors",
    "import_tensors",
    "load_imse_weights",
    "read_tensors",
    "save_imse_weights",
]
