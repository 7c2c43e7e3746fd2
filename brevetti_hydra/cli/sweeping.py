"""A line with `-m`: plan a sweep, and drive it; a sweep that is taken up again is driven alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._text import plural
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.cli.planning_display import PlanningDisplay
from brevetti_hydra.cli.sweep_display import SweepDisplay
from brevetti_hydra.cli.sweep_summary import say_sweep_ending
from brevetti_hydra.cli.sweep_text import words_of
from brevetti_hydra.errors import StorageWriteError
from brevetti_hydra.sweep.driving.driver import Driver
from brevetti_hydra.sweep.driving.searching import open_feed
from brevetti_hydra.sweep.launch.choice import check_launcher, open_launcher
from brevetti_hydra.sweep.planning.plan import plan_sweep, write_sweep

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.config import Argument, Request
    from brevetti_hydra.sweep.driving.driver import Ending
    from brevetti_hydra.sweep.driving.policy import Policy
    from brevetti_hydra.sweep.opened import OpenSweep

__all__ = ["drive_sweep", "run_sweep"]

_SIGNALLED = 128


def run_sweep(request: Request, folder: Path, command: Sequence[str], reply: Reply) -> int:
    """Plan all trials of a line, then run them.

    Returns:
        The exit code: 0 only if every trial completed or was pruned.

    Raises:
        BrevettiHydraError: The line or the configuration is wrong; nothing was written.
    """
    with PlanningDisplay() as planning:
        plan = plan_sweep(request, folder=folder, command=command, on_planned=planning)
    for line in plan.notices:
        reply.notice(f"warning: {line}")
    if request.flags.dry_run:
        # Imported here: only whoever wants to look first.
        from brevetti_hydra.cli.dry_run import say_plan

        say_plan(plan, reply)
        return 0
    check_launcher(plan.record, secrets=plan.secrets)
    return drive_sweep(write_sweep(plan), reply, secrets=plan.secrets)


def drive_sweep(
    sweep: OpenSweep,
    reply: Reply,
    *,
    policy: Policy | None = None,
    secrets: Sequence[Argument] = (),
) -> int:
    """Run what is missing of a sweep, show it meanwhile, and sum it up.

    Args:
        sweep: The sweep.
        reply: Takes the summary.
        policy: What is tried again, and when it is enough; default: as planned.
        secrets: Overrides that the plan does not hold, because they are secrets.

    Returns:
        The exit code: 0 only if every trial completed or was pruned.
    """
    planned = plural(sweep.record.trials or len(sweep.trials), "trial")
    reply.notice(f"sweep {sweep.folder.short_id}: {planned} in {printable(sweep.folder.root)}")
    feed = open_feed(sweep, secrets=secrets)
    # Last of all, and at once a driver's to close: it may be a process.
    launcher = open_launcher(sweep, secrets=secrets, stdout_to_stderr=reply.json is not None)
    with SweepDisplay(sweep.folder, reply, sweep=sweep) as display:
        driver = Driver(sweep, launcher, policy=policy, feed=feed, observers=[display])
        ending = _drive(driver, sweep)
    if ending.why is not None:
        reply.notice(f"trials were left: {ending.why}")
    code = say_sweep_ending(display.last_view(), reply)
    return code if ending.signal_number is None else _SIGNALLED + ending.signal_number


def _drive(driver: Driver, sweep: OpenSweep) -> Ending:
    """Drive; where the disk takes no more, say how the sweep goes on."""
    try:
        return driver.drive()
    except StorageWriteError as error:
        raise StorageWriteError(
            error.message,
            notes=[*error.notes, "trials that are done are kept, others can be run later"],
            hint="make room or rights there, then: brevetti-hydra sweep resume"
            f" {words_of(sweep.folder)}",
        ) from error
