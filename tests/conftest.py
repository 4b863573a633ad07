"""What tests of several folders share: a judge that can be trained, as the module `whackamole`."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_FILE = Path(__file__).with_name("whackamole.py")
_SPEC = importlib.util.spec_from_file_location("whackamole", _FILE)
assert _SPEC is not None
assert _SPEC.loader is not None
sys.modules["whackamole"] = _MODULE = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(_MODULE)
