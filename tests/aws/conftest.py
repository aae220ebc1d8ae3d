"""The template and the events against what AWS publishes, or others found out about AWS.

Nothing here runs a function or an emulator; `make aws` is a matter of seconds. The
references are pinned in tests/emulators/references.txt.
"""

import os
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
REFERENCES = Path(os.environ.get("VENVS", ROOT)) / ".references"

for folder in ("wire", "emulators"):
    sys.path.insert(0, str(ROOT / "tests" / folder))
