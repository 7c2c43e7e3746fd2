"""`brevetti-hydra sweep stop SWEEP`: ask drivers and running trials of a sweep to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._text import plural
from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.sweep.driving.drivers import drivers_at_work
from brevetti_hydra.sweep.driving.stopping import stop_trials, write_stop
from brevetti_hydra.sweep.finding import find_sweep
from brevetti_hydra.sweep.opened import open_sweep

if TYPE_CHECKING:
    import argparse

    from brevetti_hydra.cli.reply import Reply

__all__ = ["build_parser", "execute"]


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser(
        "sweep stop",
        "Ask a sweep to stop, wherever it is driven: nothing more begins, and running trials end\n"
        "at their next report, or after run.grace_s. 'sweep resume' goes on.",
    )
    parser.add_argument("sweep", metavar="SWEEP", help="id, its beginning, path, or 'last'")
    parser.add_argument(
        "--now", action="store_true", help="end running trials at once, without asking them"
    )
    add_root(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Ask, and return; the answer says how many were asked.

    Raises:
        SweepNotFoundError: There is no such sweep.
        StorageWriteError: Its folder cannot be written.
        LauncherError: Its scheduler does not answer; drivers and trials were asked all the same.
    """
    sweep = open_sweep(find_sweep(arguments.sweep, runs_root(arguments.root)))
    drivers = len(drivers_at_work(sweep.folder))
    write_stop(sweep.folder, at_once=arguments.now)
    trials = stop_trials(sweep, at_once=arguments.now)
    jobs = 0
    if sweep.record.launcher.get("kind") == "slurm" and sweep.record.hydra_launcher is None:
        from brevetti_hydra.sweep.launch.slurm import cancel_jobs

        jobs = cancel_jobs(sweep.folder, at_once=arguments.now)
    asked = [
        plural(count, word)
        for count, word in ((drivers, "driver"), (trials, "running trial"), (jobs, "job"))
        if count
    ]
    said = f"asked {', '.join(asked)} to stop" if asked else "nobody is at work on it"
    reply.say(f"sweep {sweep.folder.short_id}: {said}")
    reply.answer(
        {
            "id": sweep.folder.short_id,
            "folder": str(sweep.folder.root),
            "drivers": drivers,
            "trials": trials,
            "jobs": jobs,
        }
    )
    return 0
