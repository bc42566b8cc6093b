"""Makes the scripts of packaging/ importable; there they stand beside each other, outside any package."""

import sys
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "packaging"
if str(SCRIPTS) not in sys.path:
    sys.path.insert(0, str(SCRIPTS))
