"""`brevetti-hydra rm RUN ...`: remove runs."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from brevetti_hydra._text import plural
from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.errors import UsageError, WrongStateError
from brevetti_hydra.record import RunState
from brevetti_hydra.run.annotate import remove_run
from brevetti_hydra.run.columns import short_id
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.run.history import find_run, read_record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.record import RunRecord
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
    records = [read_record(folder) for folder in folders]
    for record in records:
        _refuse_running(record)
    if not arguments.yes and not _confirm(records, folders, reply):
        reply.say("nothing was removed")
        reply.answer({"removed": []})
        return 0
    for record, folder in zip(records, folders, strict=True):
        remove_run(folder)
        reply.say(f"removed {short_id(record)}  {printable(folder.root)}")
    reply.answer({"removed": [record.run_id for record in records]})
    return 0


def _refuse_running(record: RunRecord) -> None:
    if record.state in {RunState.CREATED, RunState.RUNNING}:
        raise WrongStateError(
            f"run '{short_id(record)}' is {record.state.value}",
            hint="stop it first (Ctrl-C in its terminal, or SIGTERM to its process)",
        )


def _confirm(records: Sequence[RunRecord], folders: Sequence[RunFolder], reply: Reply) -> bool:
    if reply.json is not None or not sys.stdin.isatty():
        raise UsageError(
            f"removing {plural(len(records), 'run')} needs to be confirmed",
            notes=["there is no terminal to ask on"],
            hint="add --yes",
        )
    for record, folder in zip(records, folders, strict=True):
        reply.notice(
            f"  {short_id(record)}  {record.job.name}  {record.state.value}"
            f"  {printable(folder.root)}"
        )
    sys.stderr.write(f"Remove {plural(len(records), 'run')} with all files? [y/N] ")
    sys.stderr.flush()
    return sys.stdin.readline().strip().lower() in {"y", "yes"}
