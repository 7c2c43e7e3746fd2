"""`brevetti-hydra logs RUN`: what the run printed."""

from __future__ import annotations

import codecs
import re
import time
from typing import TYPE_CHECKING

from brevetti_hydra._text import escape_control
from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.errors import StorageReadError
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.run.history import find_run, read_record

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.run.folders import RunFolder

__all__ = ["build_parser", "execute"]

_POLL_S = 0.2
_BLOCK_BYTES = 1 << 16
# Colours may pass to a terminal; whatever else would steer it is made visible.
_COLOUR = re.compile(r"(\x1b\[[0-9;]*m|\r)")


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser("logs", "Print what a run printed, its children's output included.")
    parser.add_argument("run", metavar="RUN", help="id, its beginning, path, or 'last'")
    parser.add_argument(
        "--follow", "-f", action="store_true", help="go on until the run has finished"
    )
    add_root(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Print the log; the answer holds its lines."""
    folder = find_run(arguments.run, runs_root(arguments.root))
    short = folder.short_id
    pieces = _pieces(folder, follow=arguments.follow)
    if reply.json is None:
        for piece in pieces:
            reply.write_raw(_harmless(piece) if reply.is_terminal else piece)
        return 0
    lines = []
    for line in _lines(pieces):
        reply.stream({"id": short, "line": line})
        lines.append(line) if reply.json == "document" else None
    if reply.json == "document":
        reply.answer({"id": short, "lines": lines})
    return 0


def _pieces(folder: RunFolder, *, follow: bool) -> Iterator[str]:
    """Give the log's text; following, until the run has finished and all of it was given."""
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    offset = 0
    while True:
        # Asked before reading: what was written before the end is then read as well.
        is_over = not follow or read_record(folder).state.is_finished
        for block in _blocks(folder, offset):
            offset += len(block)
            yield decoder.decode(block)
        if is_over:
            yield decoder.decode(b"", final=True)
            return
        time.sleep(_POLL_S)


def _blocks(folder: RunFolder, offset: int) -> Iterator[bytes]:
    try:
        with folder.log.open("rb") as stream:
            stream.seek(offset)
            while block := stream.read(_BLOCK_BYTES):
                yield block
    except FileNotFoundError:
        return  # nothing was captured, or not yet
    except OSError as error:
        raise StorageReadError(f"cannot read '{folder.log}'", notes=[str(error)]) from error


def _lines(pieces: Iterator[str]) -> Iterator[str]:
    rest = ""
    for piece in pieces:
        *whole, rest = (rest + piece).split("\n")
        yield from whole
    if rest:
        yield rest


def _harmless(text: str) -> str:
    parts = _COLOUR.split(text)
    return "".join(part if index % 2 else escape_control(part) for index, part in enumerate(parts))
