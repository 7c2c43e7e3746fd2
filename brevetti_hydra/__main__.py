"""`python -m brevetti_hydra`, the same as the console script `brevetti-hydra`."""

from __future__ import annotations

from brevetti_hydra.cli.main import console

__all__: list[str] = []

if __name__ == "__main__":
    console()
