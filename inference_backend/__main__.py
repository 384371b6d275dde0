"""`python -m inference_backend`: see `--help`, and docs/backend.md."""

import sys

from .cli.main import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
