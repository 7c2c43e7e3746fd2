"""Imported by each worker of `tests/faults/sweeps.py` at its start: brings the faults in."""

import os

if os.environ.get("FAULTS"):
    import harm

    harm.bring_in(is_driver=False)
