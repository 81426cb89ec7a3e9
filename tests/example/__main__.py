"""The example is what a reader of docs/shop-front.md ends up with: `python -m tests.example`.

Its types are generated from the SDL of now and everything is held against them; then a browser buys
with it from a demo (`tests/e2e/shop_front.py`). Skipped, loudly, where node and npm are missing.
"""

import subprocess
import sys
from pathlib import Path

from tests.packages import Skipped, node_and_npm

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "shop-front"
JOURNEYS = "tests/e2e/shop_front.py"


def main() -> int:
    """0 where it is built and sells, or was skipped."""
    try:
        _, npm = node_and_npm(EXAMPLE)
    except Skipped as reason:
        print(f"SKIPPED example: {reason}", file=sys.stderr)
        return 0
    checked = subprocess.run([npm, "run", "--silent", "check"], cwd=EXAMPLE, check=False)
    if checked.returncode:
        return checked.returncode
    command = [sys.executable, "-m", "pytest", "-q", JOURNEYS, *sys.argv[1:]]
    return subprocess.run(command, cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
