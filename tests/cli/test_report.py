"""Errors on the command line: form, colours, exit codes."""

from __future__ import annotations

import io

import pytest

from brevetti_hydra.cli.report import error_fields, exit_code_of, print_error
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigErrors,
    InvalidSettingError,
    Place,
    RunInterrupted,
    StorageWriteError,
    UsageError,
)


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


ERROR = InvalidSettingError(
    "'epochs' must be greater than 0, but is \x1b[2J0",
    where=Place("conf/job/classifier.yaml:7:1", 7, "epochs: 0"),
    notes=["found an integer"],
    hint="choose 1 or more",
)

TEXT = """\
error[invalid-setting]: 'epochs' must be greater than 0, but is \\x1b[2J0
  --> conf/job/classifier.yaml:7:1
   7 | epochs: 0
  note: found an integer
  hint: choose 1 or more
"""


def test_form_without_terminal() -> None:
    """A report is plain text in a pipe, and control characters are made visible."""
    stream = io.StringIO()

    print_error(ERROR, stream)

    assert TEXT == stream.getvalue()


def test_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours around the same text, unless NO_COLOR asks for none."""
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "xterm")
    coloured, plain, dumb = Terminal(), Terminal(), Terminal()

    print_error(ERROR, coloured)
    monkeypatch.setenv("NO_COLOR", "1")
    print_error(ERROR, plain)
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    print_error(ERROR, dumb)

    assert coloured.getvalue().startswith("\x1b[1;31merror[invalid-setting]\x1b[0m")
    assert TEXT == plain.getvalue() == dumb.getvalue()


def test_traceback_shows_the_chain() -> None:
    """`--traceback` prints what lies behind an error of ours."""
    stream = io.StringIO()
    error = StorageWriteError("cannot write 'x'")
    error.__cause__ = OSError("no space")

    print_error(error, stream, traceback=True)

    assert "OSError: no space" in stream.getvalue()
    assert stream.getvalue().endswith("error[storage-unwritable]: cannot write 'x'\n")


def test_unexpected_exception() -> None:
    """A fault of the harness shows its traceback and where to report it."""
    stream = io.StringIO()

    print_error(ValueError("odd"), stream)

    assert "error[internal-error]: unexpected ValueError: odd\n  hint: report it" in (
        stream.getvalue()
    )


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (UsageError("x"), 2),
        (StorageWriteError("x"), 2),
        (BrevettiHydraError("x"), 1),
        (ConfigErrors([InvalidSettingError("x")]), 2),
        (KeyboardInterrupt(), 130),
        (RunInterrupted(15), 143),
        (ValueError("x"), 1),
    ],
)
def test_exit_codes(error: BaseException, expected: int) -> None:
    """Each kind of end has its exit code."""
    assert expected == exit_code_of(error)


def test_fields_of_several_errors() -> None:
    """A document lists every mistake of a report by itself."""
    fields = error_fields(ConfigErrors([ERROR, UsageError("b")]))

    assert ["invalid-setting", "usage"] == [each["code"] for each in fields]
    assert {"label": "conf/job/classifier.yaml:7:1", "line": 7} == fields[0]["where"]
