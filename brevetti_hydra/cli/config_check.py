"""`brevetti-hydra config check`: find all mistakes of a whole configuration."""

from __future__ import annotations

import sys
import time
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

from brevetti_hydra._text import plural
from brevetti_hydra.cli.arguments import LineParser
from brevetti_hydra.cli.text import one_line
from brevetti_hydra.errors import UsageError

if TYPE_CHECKING:
    import argparse

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.config.checking.findings import Report

__all__ = ["build_parser", "execute"]

_EXIT_WRONG = 2
# Progress is for those who wait.
_PATIENCE_S = 1.0
_EVERY_S = 0.1


def build_parser() -> LineParser:
    """Describe the command's arguments."""
    parser = LineParser(
        "config check",
        "Compose and validate every option of every group and every experiment; run nothing.\n"
        "Takes overrides and the flags -cd, -cp, -cn as a run does.",
    )
    parser.add_argument(
        "--job",
        metavar="NAME",
        action="append",
        default=[],
        help="judge options by this job alone, an option of 'job' or package.module:MyJob; repeat "
        "it for several",
    )
    parser.add_argument(
        "--strict", action="store_true", help="exit 2 where there are only warnings, too"
    )
    return parser


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Check, and print the report; the answer holds the same as values.

    Returns:
        The exit code: 2 with errors, with `--strict` also with warnings.

    Raises:
        UsageError: There is a word that is no override.
        ConfigError: A named folder or the primary config does not exist.
    """
    from brevetti_hydra.config.checking.check import check
    from brevetti_hydra.job import Job
    from brevetti_hydra.job_class import check_job_class

    if arguments.request.keys:
        message = f"unexpected argument '{arguments.request.keys[0]}'"
        raise UsageError(message, hint="see 'brevetti-hydra config check --help'")
    progress = _Progress()
    # What a job's module prints when it is imported is no part of the report.
    with redirect_stdout(sys.stderr):
        try:
            report = check(
                arguments.request,
                folder=Path.cwd(),
                base=Job,
                check_class=check_job_class,
                jobs=arguments.job,
                progress=progress.show,
            )
        finally:
            progress.clear()
    errors, warnings = report.of("error"), report.of("warning")
    is_right = not errors and not (arguments.strict and warnings)
    text = _text(report)
    reply.say(text)
    reply.hold_errors(_fields(finding.as_json()) for finding in errors)
    reply.answer(_document(report), ok=is_right)
    return 0 if is_right else _EXIT_WRONG


def _text(report: Report) -> str:
    lines: list[str] = []
    file: str | None = None
    for finding in report.findings:
        if finding.file != file:
            file = finding.file
            lines += [*([""] if lines else []), one_line(file or "in no file")]
        lines += [f"  {line}" for line in finding.text().split("\n")]
    return "\n".join([*lines, *([""] if lines else []), _summary(report)])


def _summary(report: Report) -> str:
    counts = report.counts
    looked_at = ", ".join(
        plural(count, noun)
        for count, noun in (
            (counts.files, "file"),
            (counts.options, "option"),
            (counts.experiments, "experiment"),
            (counts.compositions, "composition"),
        )
    )
    errors, warnings = len(report.of("error")), len(report.of("warning"))
    return f"{looked_at}: {plural(errors, 'error')}, {plural(warnings, 'warning')}"


def _document(report: Report) -> dict[str, object]:
    return {
        "findings": [finding.as_json() for finding in report.findings],
        **report.counts._asdict(),
        "errors": len(report.of("error")),
        "warnings": len(report.of("warning")),
    }


def _fields(finding: dict[str, object]) -> dict[str, object]:
    return {key: finding[key] for key in ("code", "message", "where", "notes", "hint")}


class _Progress:
    """Shows on a terminal how far a long check is; nothing elsewhere."""

    def __init__(self) -> None:
        self._begin = self._shown = time.monotonic()
        self._is_shown = False
        self._is_terminal = sys.stderr.isatty()

    def show(self, done: int, total: int) -> None:
        now = time.monotonic()
        if not self._is_terminal or now - self._begin < _PATIENCE_S or now - self._shown < _EVERY_S:
            return
        self._shown, self._is_shown = now, True
        sys.stderr.write(f"\r{done} of {plural(total, 'file')} checked")
        sys.stderr.flush()

    def clear(self) -> None:
        if self._is_shown:
            sys.stderr.write("\r\x1b[K")
            sys.stderr.flush()
