"""What a command answers: text for people, or documents for programs (`--json`)."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Literal

from brevetti_hydra._masks import Masking
from brevetti_hydra._text import escape_control
from brevetti_hydra.cli.report import error_fields, exit_code_of, print_error
from brevetti_hydra.errors import StorageWriteError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType
    from typing import Self, TextIO


__all__ = ["JsonMode", "Reply", "stdout_error"]

JsonMode = Literal["document", "lines"] | None

_STDOUT, _STDERR = 1, 2


class Reply:
    """The answer of one command.

    Text goes to stdout, notices and errors to stderr. With `--json`, stdout gets documents and
    nothing else: whatever prints meanwhile, child processes included, prints to stderr.

    Attributes:
        command: The command's name, as the documents say it.
        json: None for text, "document" for exactly one document, "lines" for one a line.
        masking: Takes secrets out of notices and errors; a run that is started brings its own.
    """

    def __init__(
        self,
        command: str,
        json: JsonMode = None,
        *,
        traceback: bool = False,
        ends_process: bool = False,
    ) -> None:
        """Begin an answer.

        Args:
            command: The command's name.
            json: Which documents, if any.
            traceback: Print the chain of tracebacks of errors as well.
            ends_process: Nothing else follows in this process: stdout is not given back, so that
                a thread that prints later does not print behind the document.
        """
        self.command = command
        self._ends_process = ends_process
        self.json: JsonMode = json
        self.masking = Masking()
        self._traceback = traceback
        self._stdout: TextIO = sys.stdout
        self._saved: int | None = None
        self._errors: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        """Keep stdout for documents alone, if there will be any."""
        if self.json is not None:
            self._stdout.flush()
            if _is_descriptor(self._stdout, _STDOUT):
                self._saved = os.dup(_STDOUT)
                os.dup2(_STDERR, _STDOUT)
            else:
                sys.stdout = sys.stderr
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give stdout back, unless the process ends."""
        if self.json is None or self._ends_process:
            return
        sys.stdout = self._stdout
        if self._saved is not None:
            os.dup2(self._saved, _STDOUT)
            os.close(self._saved)
            self._saved = None

    @property
    def is_terminal(self) -> bool:
        """Whether a person reads the text on a terminal."""
        return self.json is None and self._stdout.isatty()

    def say(self, text: str) -> None:
        """Print text for people; with `--json`, nothing."""
        if self.json is None:
            self._write(escape_control(text) + "\n")

    def write_raw(self, text: str) -> None:
        """Print text as it is, for instance a log with its own colours; with `--json`, nothing."""
        if self.json is None:
            self._write(text, is_flushed=True)

    def notice(self, text: str) -> None:
        """Tell people something aside, on stderr, behind what was said before."""
        self._flush()
        print(escape_control(self.masking.text(text)), file=sys.stderr, flush=True)

    def stream(self, result: Any) -> None:
        """Print one document of several; only with `--json=lines`."""
        if self.json == "lines":
            self._write_document(result, [], ok=True)

    def add_error(self, error: BaseException) -> None:
        """Print an error now, and have it in the document that follows."""
        self._errors += self.masking.tree(error_fields(error))
        self._flush()
        print_error(error, sys.stderr, traceback=self._traceback, masking=self.masking)

    def hold_errors(self, fields: Iterable[dict[str, Any]]) -> None:
        """Have errors in the document that follows; what is said has told of them."""
        self._errors += self.masking.tree(list(fields))

    def _flush(self) -> None:
        if self.json is None:
            # A full disk behind stdout must not hide what follows; the last flush will tell of it.
            with suppress(OSError, ValueError):
                self._stdout.flush()

    def answer(self, result: Any, *, ok: bool = True) -> None:
        """Print the document, with all errors added so far; without `--json`, nothing.

        Args:
            result: What the command came to.
            ok: Whether that is what was hoped for; errors are never.
        """
        if self.json is not None:
            self._write_document(result, self._errors, ok=ok and not self._errors)

    def fail(self, error: BaseException) -> int:
        """End with an error and no result.

        Returns:
            The exit code.
        """
        self.add_error(error)
        # What is wrong has been told on stderr already.
        with suppress(OSError, StorageWriteError):
            self.answer(None)
        return exit_code_of(error)

    def _write_document(self, result: Any, errors: list[dict[str, Any]], *, ok: bool) -> None:
        # pydantic is loaded already wherever there is something to answer.
        from brevetti_hydra._json import json_bytes

        document = {
            "format": 1,
            "command": self.command,
            "ok": ok,
            "result": result,
            "errors": errors,
        }
        indent = 2 if self.json == "document" else None
        content = json_bytes(document, indent=indent) + b"\n"
        if self._saved is None:
            self._write(content.decode(), is_flushed=True)
            return
        view = memoryview(content)
        with _told_if_unwritable():
            while view:
                view = view[os.write(self._saved, view) :]

    def _write(self, text: str, *, is_flushed: bool = False) -> None:
        with _told_if_unwritable():
            self._stdout.write(text)
            if is_flushed:
                self._stdout.flush()


@contextmanager
def _told_if_unwritable() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        raise stdout_error(error) from error


def stdout_error(error: OSError) -> StorageWriteError:
    """Give the error of an answer that could not be written."""
    reason = error.strerror or str(error)
    return StorageWriteError(
        "cannot write to stdout",
        notes=[reason[:1].lower() + reason[1:]],
        hint="send it to another file, or make room there",
    )


def _is_descriptor(stream: TextIO, descriptor: int) -> bool:
    """Tell whether a stream is the process's own; captured ones and notebooks' are not."""
    try:
        return stream.fileno() == descriptor
    except (OSError, ValueError, AttributeError):
        return False
