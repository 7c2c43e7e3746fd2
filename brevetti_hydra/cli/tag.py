"""`brevetti-hydra tag RUN +a -b`: tags of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.errors import UsageError
from brevetti_hydra.run.annotate import set_tags
from brevetti_hydra.run.columns import short_id
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.run.history import find_run, read_record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply

__all__ = ["build_parser", "execute"]


class _TagParser(CommandParser):
    """Takes `-b` as a word: it removes the tag `b`."""

    def read(self, words: Sequence[str]) -> argparse.Namespace:
        # argparse takes no positional that begins with a dash; a leading NUL, which no argument
        # of a process can hold, carries it through.
        carried = [
            f"\0{word}" if word.startswith("-") and not word.startswith("--") else word
            for word in words
        ]
        arguments = super().read(carried)
        arguments.changes = [word.removeprefix("\0") for word in arguments.changes]
        return arguments


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = _TagParser("tag", "Add and remove tags of a run.")
    parser.add_argument("run", metavar="RUN", help="id, its beginning, path, or 'last'")
    parser.add_argument(
        "changes", metavar="+TAG|-TAG", nargs="+", help="+TAG or TAG adds it, -TAG removes it"
    )
    add_root(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Change the tags; the answer holds the new record.

    Raises:
        UsageError: A sign stands without a tag.
        RunNotFoundError: There is no such run.
    """
    folder = find_run(arguments.run, runs_root(arguments.root))
    tags = dict.fromkeys(read_record(folder).tags)
    for change in arguments.changes:
        name = change[1:] if change[:1] in "+-" else change
        if not name.strip() or name.startswith(("+", "-")):
            raise UsageError(f"'{change}' names no tag", hint="write +NAME or -NAME")
        if change.startswith("-"):
            tags.pop(name, None)
        else:
            tags[name] = None
    record = set_tags(folder, tags)
    shown = " ".join(record.tags) or "no tags"
    reply.say(f"run {short_id(record)}: {shown}")
    reply.answer({"run": record})
    return 0
