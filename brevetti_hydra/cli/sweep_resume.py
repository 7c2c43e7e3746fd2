"""`brevetti-hydra sweep resume SWEEP`: run what is missing of a sweep."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.cli.paths import printable
from brevetti_hydra.cli.start import show_log_lines
from brevetti_hydra.cli.sweep_text import words_of
from brevetti_hydra.cli.sweeping import drive_sweep
from brevetti_hydra.config import read_overrides
from brevetti_hydra.errors import UsageError
from brevetti_hydra.run.folders import runs_root
from brevetti_hydra.sweep.driving.changing import change_sweep
from brevetti_hydra.sweep.driving.policy import Policy
from brevetti_hydra.sweep.finding import find_sweep
from brevetti_hydra.sweep.opened import open_sweep
from brevetti_hydra.sweep.summary.view import read_sweep
from brevetti_hydra.sweep.trial import TrialRunner

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.config import Argument
    from brevetti_hydra.sweep.opened import OpenSweep

__all__ = ["add_words", "build_parser", "execute", "go_on"]


def build_parser() -> CommandParser:
    """Describe the command's arguments."""
    parser = CommandParser(
        "sweep resume",
        "Run what is missing of a sweep: trials that have not begun, were interrupted or got\n"
        "lost. What is done or has failed stays as it is. A sweep that is at work is joined.",
    )
    add_words(parser)
    return parser


def add_words(parser: CommandParser) -> None:
    """Add what `resume` and `retry-failed` take."""
    parser.add_argument("sweep", metavar="SWEEP", help="id, its beginning, path, or 'last'")
    parser.add_argument(
        "given",
        metavar="KEY=VALUE",
        nargs="*",
        help="a limit (sweep.retries=1), what it runs in (launcher.workers=4), or a secret again",
    )
    add_root(parser)


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Drive the sweep; the answer is that of a sweep."""
    return go_on(arguments, reply, is_retrying_failed=False)


def go_on(arguments: argparse.Namespace, reply: Reply, *, is_retrying_failed: bool) -> int:
    """Drive a sweep again.

    Raises:
        SweepNotFoundError: There is no such sweep.
        UsageError: It was started in a folder that is gone.
    """
    show_log_lines()
    root = runs_root(arguments.root)
    sweep = open_sweep(find_sweep(arguments.sweep, root))
    secrets = change_sweep(sweep, read_overrides(arguments.given))
    _go_home(sweep, reply)
    if secrets and sweep.trials:
        _check_secrets(sweep, secrets)
    _say_if_done(sweep, reply, is_retrying_failed=is_retrying_failed)
    policy = Policy.of(sweep.record, is_retrying_failed=is_retrying_failed)
    return drive_sweep(sweep, reply, policy=policy, secrets=secrets)


def _check_secrets(sweep: OpenSweep, secrets: Sequence[Argument]) -> None:
    try:
        TrialRunner(sweep, secrets=secrets).check(sweep.trials[0])
    except UsageError as error:
        raise UsageError(
            "the trials of the sweep have their settings already",
            notes=error.notes,
            hint="leave the settings out, or begin a new sweep",
        ) from error


def _say_if_done(sweep: OpenSweep, reply: Reply, *, is_retrying_failed: bool) -> None:
    """Say that there is nothing to do, and what there might be."""
    view = read_sweep(sweep.folder)
    failed = view.counts.get("failed", 0)
    if view.done + (0 if is_retrying_failed else failed) < view.total:
        return
    more = ""
    if failed:
        more = f"; {failed} failed: brevetti-hydra sweep retry-failed {words_of(sweep.folder)}"
    reply.notice(f"nothing is missing of sweep {sweep.folder.short_id}{more}")


def _go_home(sweep: OpenSweep, reply: Reply) -> None:
    """Change to the folder of the first start: what trials open relatively means it."""
    home = Path(sweep.record.start_folder)
    if home == Path.cwd():
        return
    try:
        os.chdir(home)
    except OSError as error:
        raise UsageError(
            f"the sweep was started in '{home}', which cannot be gone to",
            notes=[error.strerror or str(error)],
            hint="put the folder back: relative paths of its trials mean it",
        ) from error
    reply.notice(f"trials run in {printable(home)}, where the sweep was started")
