"""Reading and writing the weights of the published network.

:func:`load_imse_weights` takes the authors' PyTorch checkpoint, a ``.npz`` of its tensors or a
Keras weights file; :func:`save_imse_weights` writes any of the three.
"""

from __future__ import annotations

from keras_imse.weights.checks import check_tensors
from keras_imse.weights.tensor_files import read_tensors, write_tensors
from keras_imse.weights.transfer import (
    export_tensors,
    import_tensors,
    is_keras_file,
    load_imse_weights,
    save_imse_weights,
)

__all__ = [
    "check_tensors",
    "export_tensors",
    "import_tensors",
    "is_keras_file",
    "load_imse_weights",
    "read_tensors",
    "save_imse_weights",
    "write_tensors",
]
