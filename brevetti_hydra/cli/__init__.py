"""The command line: `brevetti-hydra`, and `python -m brevetti_hydra`."""

from __future__ import annotations

__all__: list[str] = []
