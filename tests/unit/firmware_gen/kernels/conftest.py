from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_HERE = Path(__file__).parent
_MODULES = {
    "aot_conftest": _HERE.parent / "aot" / "conftest.py",  # loads the modules beside it
    "m7_harness": _HERE / "m7_harness.py",
    "qemu_harness": _HERE / "qemu_harness.py",
    "graph_cases": _HERE / "graph_cases.py",
    "test_m7": _HERE / "test_m7.py",
}
for _NAME, _PATH in _MODULES.items():
    if _NAME not in sys.modules:
        _SPEC = importlib.util.spec_from_file_location(_NAME, _PATH)
        assert _SPEC is not None
        assert _SPEC.loader is not None
        _MODULE = importlib.util.module_from_spec(_SPEC)
        sys.modules[_NAME] = _MODULE
        _SPEC.loader.exec_module(_MODULE)
