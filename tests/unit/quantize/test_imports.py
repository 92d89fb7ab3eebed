"""What must stay light: reading and running a quantized model needs no TensorFlow."""

from __future__ import annotations

import sys

from imse_mcu.core.process import run

_CODE = """
import sys
import quantize.accuracy, quantize.artifact, quantize.inspect, quantize.layers
import quantize.recipe, quantize.streaming, quantize.tflm_host
heavy = sorted({name.split('.')[0] for name in sys.modules} & {'tensorflow', 'tf_keras', 'keras'})
print(','.join(heavy))
"""


def test_importing_the_package_does_not_import_tensorflow(repository):
    finished = run([sys.executable, "-c", _CODE], cwd=repository, what="import check")
    assert finished.stdout.strip() == ""
