from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_NAMES = [
    "aot_harness",
    "node_arithmetic",
    "op_elementwise",
    "op_convolutions",
    "op_unary",
    "op_sums",
    "op_moves",
    "op_fused",
    "op_wide_attention",
    "op_all_values",
    "test_ops",
    "test_streaming",
]
for _NAME in _NAMES:
    if _NAME not in sys.modules:
        _SPEC = importlib.util.spec_from_file_location(_NAME, Path(__file__).parent / f"{_NAME}.py")
        assert _SPEC is not None
        assert _SPEC.loader is not None
        _MODULE = importlib.util.module_from_spec(_SPEC)
        sys.modules[_NAME] = _MODULE
        _SPEC.loader.exec_module(_MODULE)
