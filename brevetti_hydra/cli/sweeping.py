"""A line with `-m`: plan a sweep, and drive it."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.driver import Driver
from brevetti_hydra.sweep.launch.choice import open_launcher
from brevetti_hydra.sweep.plan import plan_sweep, write_sweep
from brevetti_hydra.sweep.searching import open_feed

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.config import Request
    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.sweep.record import PlannedTrial

__all__ = ["run_sweep"]


def run_sweep(request: Request, folder: Path, command: Sequence[str], reply: Reply) -> int:
    """Plan all trials of a line, then run them.

    Returns:
        The exit code: 0 only if every trial completed or was pruned.

    Raises:
        BrevettiHydraError: The line or the configuration is wrong; nothing was written.
    """
    plan = plan_sweep(request, folder=folder, command=command)
    for line in plan.notices:
        reply.notice(f"warning: {line}")
    if request.flags.dry_run:
        # Imported here: only whoever wants to look first.
        from brevetti_hydra.cli.dry_run import say_plan

        say_plan(plan, reply)
        return 0
    sweep = write_sweep(plan)
    states: Counter[str] = Counter()

    def count(trial: PlannedTrial, record: RunRecord | None) -> None:
        state = RunState.PLANNED if record is None else record.state
        states[state.value] += 1
        reply.say(f"{trial.number:5d}  {state.value:12}  {' '.join(trial.overrides)}")

    launcher = open_launcher(sweep, secrets=plan.secrets, stdout_to_stderr=reply.json is not None)
    ending = Driver(sweep, launcher, feed=open_feed(sweep), observers=[count]).drive()
    reply.say(f"sweep {sweep.folder.short_id}: {dict(states)}")
    reply.answer({"sweep": sweep.record, "folder": str(sweep.folder.root), "states": states})
    return 0 if ending.is_good else 1
