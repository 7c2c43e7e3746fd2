"""`brevetti-hydra sweep rm SWEEP ...`: remove sweeps with all of their trials."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra._text import plural
from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.cli.confirming import confirm_removal
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.errors import RecordUnreadableError
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.sweep.driving.removing import check_removable, remove_sweep
from brevetti_hydra.sweep.finding import find_sweep
from brevetti_hydra.sweep.opened import read_sweep_record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.sweep.folders import SweepFolder

__all__ = ["build_parser", "execute"]


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser("sweep rm", "Remove sweeps with all of their trials.")
    parser.add_argument(
        "sweeps", metavar="SWEEP", nargs="+", help="id, its beginning, path, or 'last'"
    )
    parser.add_argument("--yes", "-y", action="store_true", help="do not ask")
    add_root(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Remove the sweeps, or none of them; the answer holds their ids.

    Raises:
        SweepNotFoundError: There is no such sweep.
        WrongStateError: Somebody is at work on one.
        UsageError: It was not confirmed.
    """
    root = runs_root(arguments.root)
    found = {
        folder.root: folder for folder in (find_sweep(each, root) for each in arguments.sweeps)
    }
    folders = list(found.values())
    counts = [check_removable(folder) for folder in folders]
    if not arguments.yes and not _confirm(folders, counts, reply):
        reply.say("nothing was removed")
        reply.answer({"removed": []})
        return 0
    ids = [_sweep_id(folder) for folder in folders]
    for folder in folders:
        remove_sweep(folder)
        reply.say(f"removed {folder.short_id}  {printable(folder.root)}")
    reply.answer({"removed": ids})
    return 0


def _sweep_id(folder: SweepFolder) -> str:
    try:
        return read_sweep_record(folder).sweep_id
    except RecordUnreadableError:
        return folder.short_id  # of a damaged one, what its folder tells


def _confirm(folders: Sequence[SweepFolder], counts: Sequence[int], reply: Reply) -> bool:
    lines = (
        f"{folder.short_id}  {plural(count, 'trial')}  {printable(folder.root)}"
        for folder, count in zip(folders, counts, strict=True)
    )
    return confirm_removal(plural(len(folders), "sweep"), "trials", lines, reply)
