from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_NAME = "aot_harness"
if _NAME not in sys.modules:
    _PATH = Path(__file__).parents[1] / "aot" / f"{_NAME}.py"
    _SPEC = importlib.util.spec_from_file_location(_NAME, _PATH)
    assert _SPEC is not None
    assert _SPEC.loader is not None
    _MODULE = importlib.util.module_from_spec(_SPEC)
    sys.modules[_NAME] = _MODULE
    _SPEC.loader.exec_module(_MODULE)
