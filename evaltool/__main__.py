"""``python -m evaltool``."""

import sys

from evaltool.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
