"""`brevetti-hydra rm RUN ...`: remove runs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._text import plural
from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.cli.confirming import confirm_removal
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.errors import (
    RecordUnreadableError,
    RunNotFoundError,
    UsageError,
    WrongStateError,
)
from brevetti_hydra.run.annotate import remove_run, state_of
from brevetti_hydra.run.folders import runs_root, sweep_id_of
from brevetti_hydra.run.history import find_run, read_record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.record import RunState
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["build_parser", "execute"]


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser("rm", "Remove runs with everything that they left.")
    parser.add_argument("runs", metavar="RUN", nargs="+", help="id, its beginning, path, or 'last'")
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    add_root(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Remove the runs, or none of them; the answer holds their ids."""
    root = runs_root(arguments.root)
    # All are found and looked at first: a mistyped id removes nothing.
    found = {folder.root: folder for folder in (find_run(text, root) for text in arguments.runs)}
    folders = list(found.values())
    if "last" in arguments.runs:
        _refuse_last_trial(find_run("last", root))
    states = [state_of(folder) for folder in folders]
    for folder, state in zip(folders, states, strict=True):
        _refuse_running(folder, state)
    if not arguments.yes and not _confirm(folders, states, reply):
        reply.say("nothing was removed")
        reply.answer({"removed": []})
        return 0
    ids = [_run_id(folder) for folder in folders]
    for folder in folders:
        remove_run(folder)
        reply.say(f"removed {folder.short_id}  {printable(folder.root)}")
    reply.answer({"removed": ids})
    return 0


def _refuse_last_trial(folder: RunFolder) -> None:
    """Refuse `last` of a sweep: 'show last' shows all of it, and this would take a trial away."""
    sweep = sweep_id_of(folder.root.parent.name)
    if sweep is not None:
        raise UsageError(
            f"the last run is a trial of sweep '{sweep}'",
            hint=f"remove the sweep: brevetti-hydra sweep rm {sweep};"
            f" or the trial by its id: brevetti-hydra rm {folder.short_id}",
        )


def _run_id(folder: RunFolder) -> str:
    try:
        return read_record(folder).run_id
    except (RecordUnreadableError, RunNotFoundError):
        return folder.short_id  # of a damaged record, what its folder tells


def _refuse_running(folder: RunFolder, state: RunState | None) -> None:
    if state is not None and not state.is_finished:
        raise WrongStateError(
            f"run '{folder.short_id}' is {state.value}",
            hint="stop it first (Ctrl-C in its terminal, or SIGTERM to its process)",
        )


def _confirm(folders: Sequence[RunFolder], states: Sequence[RunState | None], reply: Reply) -> bool:
    shown = ("damaged" if state is None else state.value for state in states)
    lines = (
        # The folder's name holds the job's.
        f"{folder.short_id}  {state}  {printable(folder.root)}"
        for folder, state in zip(folders, shown, strict=True)
    )
    return confirm_removal(plural(len(folders), "run"), "files", lines, reply)
