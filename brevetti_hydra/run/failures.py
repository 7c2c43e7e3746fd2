"""Why an attempt failed: for the record, and for whoever wants to look into it."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

from brevetti_hydra._json import encodable
from brevetti_hydra._text import error_text
from brevetti_hydra.errors import BrevettiHydraError, ObjectiveMissingError
from brevetti_hydra.record import Failure

if TYPE_CHECKING:
    from brevetti_hydra._masks import Masking

__all__ = ["describe_failure", "look_into"]

_MOST_TRACEBACK_CHARACTERS = 100_000


def describe_failure(error: BaseException, masking: Masking) -> Failure:
    """Tell of an exception, whatever its texts hold."""
    message = error.message if isinstance(error, BrevettiHydraError) else error_text(error)
    if isinstance(error, ObjectiveMissingError):
        # Raised behind the job's code: no line of it is to blame.
        message = ", ".join((error.message, *error.notes))
        return Failure(type="ObjectiveMissing", message=encodable(masking.text(message)))
    texts = {"message": masking.text(message), "traceback": masking.text(_trace(error))}
    return Failure(type=encodable(type(error).__name__), **encodable(texts))


def _trace(error: BaseException) -> str:
    try:
        lines = "".join(traceback.format_exception(error))
    except Exception:  # noqa: BLE001 - its notes, for instance, may be anything
        # Without the exception itself, where it was raised can still be told.
        lines = "".join(traceback.format_tb(error.__traceback__)) + type(error).__name__ + "\n"
    if len(lines) > _MOST_TRACEBACK_CHARACTERS:
        lines = "...\n" + lines[-_MOST_TRACEBACK_CHARACTERS:]
    return lines


def look_into(error: BaseException) -> None:
    """Open the debugger where an exception was raised; however it is left, the run goes on."""
    import pdb  # noqa: T100 - `run.debug` asks for it

    traceback.print_exception(error)
    try:
        pdb.post_mortem(error.__traceback__)
    except (Exception, KeyboardInterrupt) as second:  # noqa: BLE001 - the run has an end of its own
        error.add_note(f"the debugger was left by {second!r}")
