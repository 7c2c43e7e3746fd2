"""The lifecycle of a run and what it leaves behind.

`RunPlan` says what to run, `RunContext` runs it, `RunFolder` knows where everything lies, and
`history` finds and reads runs again.
"""

from __future__ import annotations

from brevetti_hydra.run.context import RunContext
from brevetti_hydra.run.folders import RunFolder, runs_root
from brevetti_hydra.run.plan import ConfigText, RunPlan

__all__ = ["ConfigText", "RunContext", "RunFolder", "RunPlan", "runs_root"]
