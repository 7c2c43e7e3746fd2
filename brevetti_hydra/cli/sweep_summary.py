"""`brevetti-hydra sweep summary SWEEP`: what became of a sweep, and its files written anew."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._clock import SYSTEM_CLOCK
from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.cli.sweep_text import sweep_text
from brevetti_hydra.errors import StorageWriteError, UsageError
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.sweep.finding import find_sweep
from brevetti_hydra.sweep.summary.files import write_summary
from brevetti_hydra.sweep.summary.table import sweep_fields, trial_fields
from brevetti_hydra.sweep.summary.view import read_sweep

if TYPE_CHECKING:
    import argparse

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.sweep.folders import SweepFolder
    from brevetti_hydra.sweep.summary.view import SweepView

__all__ = [
    "add_sweep",
    "build_parser",
    "execute",
    "look_at_sweep",
    "say_sweep",
    "say_sweep_ending",
]

# What fits a screen or two; pipes get everything.
_TERMINAL_ROWS = 40
_ENDING_ROWS = 10


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser(
        "sweep summary",
        "Say what became of a sweep, the best trial first; write its summary.csv, .json and .html.",
    )
    add_sweep(parser)
    parser.add_argument("--limit", type=int, metavar="N", help="show at most N trials; 0 shows all")
    add_root(parser)
    return parser


def add_sweep(parser: CommandParser) -> None:
    """Add the argument that names a sweep."""
    parser.add_argument("sweep", metavar="SWEEP", help="id, its beginning, path, or 'last'")


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Print the summary; the answer holds all of it.

    Raises:
        UsageError: The limit is negative.
        SweepNotFoundError: There is no such sweep.
        RecordUnreadableError: Its own files are damaged.
    """
    limit: int | None = arguments.limit
    if limit is not None and limit < 0:
        raise UsageError("'--limit' must not be negative", hint="--limit 0 shows all")
    view = look_at_sweep(find_sweep(arguments.sweep, runs_root(arguments.root)))
    _write(view, reply)
    if limit is None:
        limit = _TERMINAL_ROWS if reply.is_terminal else 0
    say_sweep(view, reply, limit=limit or None)
    return 0


def look_at_sweep(folder: SweepFolder) -> SweepView:
    """Read a sweep as it is now, with what its search knows; errors as of `read_sweep`."""
    return _with_importances(read_sweep(folder))


def _with_importances(view: SweepView) -> SweepView:
    if view.record.search is None:
        return view
    # Imported here: most sweeps are no searches, and Optuna takes its time.
    from brevetti_hydra.sweep.driving.searching import read_importances

    return view._replace(importances=read_importances(view.folder))


def say_sweep(view: SweepView, reply: Reply, *, limit: int | None) -> None:
    """Print a sweep; the answer holds all of it, with `--json=lines` a trial a line."""
    reply.say(sweep_text(view, reply, limit=limit))
    if reply.json == "lines":
        for trial in view.trials:
            reply.stream(trial_fields(view, trial))
    else:
        reply.answer(sweep_fields(view))


def say_sweep_ending(view: SweepView, reply: Reply) -> int:
    """Write the summary of a sweep that was driven, and print how it ended.

    With `--json=lines` the trials were told when they ended; the last line sums up.

    Returns:
        The exit code: 0 only if every trial completed or was pruned.
    """
    view = _with_importances(view)
    _write(view, reply)
    reply.say(sweep_text(view, reply, limit=_ENDING_ROWS))
    is_good = view.state == "completed"
    fields = sweep_fields(view)
    if reply.json == "lines":
        fields["trials"] = []
    reply.answer(fields, ok=is_good)
    return 0 if is_good else 1


def _write(view: SweepView, reply: Reply) -> None:
    try:
        write_summary(view, now=SYSTEM_CLOCK.now())
    except StorageWriteError as error:
        # What became of the sweep can be told without its files.
        note = error.notes[0] if error.notes else error.message
        reply.notice(
            f"the summary's files in {printable(view.folder.root)} stay as they are: {note}"
        )
