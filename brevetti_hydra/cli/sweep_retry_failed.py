"""`brevetti-hydra sweep retry-failed SWEEP`: as `sweep resume`, and failed trials as well."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.cli.arguments import CommandParser
from brevetti_hydra.cli.sweep_resume import add_words, go_on

if TYPE_CHECKING:
    import argparse

    from brevetti_hydra.cli.reply import Reply

__all__ = ["build_parser", "execute"]


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser(
        "sweep retry-failed",
        "Run what is missing of a sweep, and begin a new attempt of each trial that has failed.",
    )
    add_words(parser)
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Drive the sweep; the answer is that of a sweep."""
    return go_on(arguments, reply, is_retrying_failed=True)
