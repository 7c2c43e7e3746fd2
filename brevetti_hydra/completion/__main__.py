"""Answer a shell: `python -P -m brevetti_hydra.completion SHELL KIND WORD ...`."""

from __future__ import annotations

import sys

from brevetti_hydra.completion.query import main

__all__: list[str] = []

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
