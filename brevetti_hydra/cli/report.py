"""Errors on the command line: their form on stderr, their fields in a document, the exit code."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import Masking
from brevetti_hydra._text import error_text, escape_control
from brevetti_hydra.errors import BrevettiHydraError, ConfigErrors, RunInterrupted

if TYPE_CHECKING:
    from typing import TextIO

__all__ = ["error_fields", "exit_code_of", "has_colour", "print_error"]

_EXIT_FAILED = 1
_EXIT_INTERRUPTED = 130

_INTERNAL_HINT = "report it to the developers of brevetti-hydra, with the lines above"
_RED, _BLUE, _CYAN, _GREEN, _BOLD, _RESET = (
    *("\x1b[1;31m", "\x1b[34m", "\x1b[36m", "\x1b[32m"),
    *("\x1b[1m", "\x1b[0m"),
)


def exit_code_of(error: BaseException) -> int:
    """Give the exit code that an exception ends the command line with (README, "Exit codes")."""
    if isinstance(error, ConfigErrors):
        return max((each.exit_code for each in error.errors), default=error.exit_code)
    if isinstance(error, BrevettiHydraError):
        return error.exit_code
    if isinstance(error, RunInterrupted):
        return 128 + error.signal_number
    if isinstance(error, KeyboardInterrupt):
        return _EXIT_INTERRUPTED
    return _EXIT_FAILED


def error_fields(error: BaseException) -> list[dict[str, Any]]:
    """Give what a document says about an exception: code, message, where, notes, hint."""
    if isinstance(error, BrevettiHydraError):
        return error.as_json()
    if isinstance(error, (RunInterrupted, KeyboardInterrupt)):
        return [_fields("interrupted", _stopped(error))]
    return [_fields("internal-error", _unexpected(error), _INTERNAL_HINT)]


def print_error(
    error: BaseException,
    stream: TextIO,
    *,
    traceback: bool = False,
    masking: Masking | None = None,
) -> None:
    """Print an exception in the form of all errors.

    Args:
        error: One of ours; anything else is a fault of the harness and shows its traceback.
        stream: Usually stderr; colours are used if it is a terminal.
        traceback: Print the chain of tracebacks of our errors as well.
        masking: Takes secrets out.
    """
    mask = (masking or Masking()).text
    is_ours = isinstance(error, (BrevettiHydraError, RunInterrupted, KeyboardInterrupt))
    if traceback or not is_ours:
        # Imported here: an error without traceback needs none of it.
        from traceback import format_exception

        trace = mask("".join(format_exception(error)))
        stream.write(escape_control(trace))
    if isinstance(error, BrevettiHydraError):
        text = str(error)
    elif is_ours:
        text = _stopped(error)
    else:
        text = f"error[internal-error]: {_unexpected(error)}\n  hint: {_INTERNAL_HINT}"
    text = escape_control(mask(text))
    stream.write((_coloured(text) if has_colour(stream) else text) + "\n")
    stream.flush()


def has_colour(stream: TextIO) -> bool:
    """Tell whether a stream is a terminal that shows colours, and nobody asked for none."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    try:
        return stream.isatty()
    except ValueError:  # closed
        return False


def _stopped(error: BaseException) -> str:
    if isinstance(error, RunInterrupted):
        # Imported here: only a stopped run needs the names of signals.
        from signal import Signals

        return f"stopped by {Signals(error.signal_number).name}"
    return "stopped by SIGINT"


def _unexpected(error: BaseException) -> str:
    text = f"unexpected {type(error).__name__}"
    message = error_text(error)
    return f"{text}: {message}" if message else text


def _fields(code: str, message: str, hint: str | None = None) -> dict[str, Any]:
    return {"code": code, "message": message, "where": None, "notes": [], "hint": hint}


def _coloured(text: str) -> str:
    return "\n".join(map(_coloured_line, text.split("\n")))


def _coloured_line(line: str) -> str:
    head, colon, rest = line.partition(":")
    if line.startswith("error["):
        return f"{_RED}{head}{_RESET}{_BOLD}{colon}{rest}{_RESET}"
    for begin, colour in (("  --> ", _BLUE), ("  note:", _CYAN), ("  hint:", _GREEN)):
        if line.startswith(begin):
            return f"{colour}{begin}{_RESET}{line[len(begin) :]}"
    return line
