"""`brevetti-hydra note RUN TEXT`: a note on a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.run.annotate import set_note
from brevetti_hydra.run.columns import short_id
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.run.history import find_run

if TYPE_CHECKING:
    import argparse

    from brevetti_hydra.cli.reply import Reply

__all__ = ["build_parser", "execute"]


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser("note", "Write a note on a run; it replaces the one before.")
    parser.add_argument("run", metavar="RUN", help="id, its beginning, path, or 'last'")
    parser.add_argument("text", metavar="TEXT", nargs="+", help="the note; '' removes it")
    add_root(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Write the note; the answer holds the new record."""
    folder = find_run(arguments.run, runs_root(arguments.root))
    record = set_note(folder, " ".join(arguments.text) or None)
    reply.say(f"run {short_id(record)}: {record.note or 'no note'}")
    reply.answer({"run": record})
    return 0
