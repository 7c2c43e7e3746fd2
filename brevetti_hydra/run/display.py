"""Progress for people: a bar on a terminal, plain lines elsewhere, on stderr.

An observer of a run's events. It writes to the stderr that the process had when it was opened, so
that what it shows does not end up in run.log.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from brevetti_hydra._clock import SYSTEM_CLOCK
from brevetti_hydra._text import escape_control
from brevetti_hydra.record import RunState
from brevetti_hydra.run.events import ProgressReported, StateChanged, Warned

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TextIO

    from rich.progress import Progress, TaskID

    from brevetti_hydra._clock import Clock
    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.run.events import RunEvent

__all__ = ["Display", "Muted", "epochs_of", "is_quiet", "observe"]

_QUIET_VARIABLE = "BREVETTI_HYDRA_QUIET"

# Plain lines come at most this often, so that a log of a thousand short epochs stays readable.
_LINE_EVERY_S = 1.0
_REFRESH_HZ = 4
_EPOCH_NAMES = ("epochs", "max_epochs", "num_epochs", "n_epochs")


class Display:
    """Shows a run's events; call it with each.

    It may be called from any thread, and never raises because of the stream: progress that nobody
    can see is no reason to stop a training. It ends by itself when the run is finished, and begins
    anew with another attempt.
    """

    def __init__(self, stream: TextIO | None = None, *, clock: Clock = SYSTEM_CLOCK) -> None:
        """Prepare; nothing is shown before the first event.

        Args:
            stream: Where to show; default: what stderr is now.
            clock: Tells the time.
        """
        # A run puts a pipe in the place of stderr; what is shown must not come back through it.
        self._descriptor = _duplicate_stderr() if stream is None else None
        self._stream = stream or sys.stderr
        self._clock = clock
        self._owns: TextIO | None = None
        self._view: _View | None = None
        self._lock = threading.Lock()
        self._drain: Callable[[], None] | None = None

    def follow(self, drain: Callable[[], None]) -> None:
        """Write only after what the job has printed until then.

        Args:
            drain: Waits until all of it is shown.
        """
        self._drain = drain

    def __call__(self, event: RunEvent) -> None:
        """Show one event."""
        if self._drain is not None and self._writes_line(event):
            # Without the lock: what is shown meanwhile may need it (`write_above`).
            self._drain()
        with self._lock, suppress(OSError, ValueError):
            self._show(event)

    def close(self) -> None:
        """Take the bar away, show what was held back, and let the stream go."""
        with self._lock, suppress(OSError, ValueError):
            self._close()

    def write_above(self, content: bytes) -> bool:
        """Let output of the job pass without tearing the bar.

        Args:
            content: What was printed on the terminal, in pieces of any size.

        Returns:
            Whether it was written; False leaves it to the caller.
        """
        with self._lock:
            try:
                return self._view is not None and self._view.write_above(content)
            except (OSError, ValueError):
                return False

    def __del__(self) -> None:
        """Let stderr go."""
        if self._descriptor is not None:
            os.close(self._descriptor)

    def _writes_line(self, event: RunEvent) -> bool:
        view = self._view
        if isinstance(event, ProgressReported):
            return isinstance(view, _Lines) and view.is_due
        # A run that begins has printed nothing yet, and of one that ends everything is shown.
        return isinstance(event, Warned)

    def _show(self, event: RunEvent) -> None:
        if isinstance(event, StateChanged):
            self._show_state(event.record)
        elif isinstance(event, ProgressReported):
            self._opened().progress(event.epoch, event.metrics)
        elif isinstance(event, Warned):
            self._opened().line(f"warning: {event.text}")

    def _show_state(self, record: RunRecord) -> None:
        if record.state.is_finished:
            self._close()
            return
        view = self._opened()
        if record.state is RunState.RUNNING:
            view.total = epochs_of(record.settings)
            view.begin(_beginning(record))

    def _opened(self) -> _View:
        if self._view is None:
            stream = self._stream
            if self._descriptor is not None:
                stream = self._owns = os.fdopen(
                    os.dup(self._descriptor), "w", encoding="utf-8", errors="backslashreplace"
                )
            is_bar = stream.isatty() and os.environ.get("TERM") != "dumb"
            self._view = _Bar(stream) if is_bar else _Lines(stream, self._clock)
        return self._view

    def _close(self) -> None:
        view, self._view = self._view, None
        owns, self._owns = self._owns, None
        try:
            if view is not None:
                view.end()
        finally:
            if owns is not None:
                owns.close()


class _View(Protocol):
    """One way to show progress.

    Attributes:
        total: The number of epochs, where it is known.
    """

    total: int | None

    def progress(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Show an epoch."""

    def begin(self, text: str) -> None:
        """Show that the run begins."""

    def line(self, text: str) -> None:
        """Show a line."""

    def write_above(self, content: bytes) -> bool:
        """Take the job's output, or leave it."""

    def end(self) -> None:
        """Show the last of it; a second call does nothing."""


class Muted:
    """Keeps what a run prints from being shown; it stands in run.log."""

    def __call__(self, event: RunEvent) -> None:
        """Show nothing."""

    def write_above(self, content: bytes) -> bool:  # noqa: ARG002 - an observer's method
        """Take the job's output."""
        return True


def is_quiet() -> bool:
    """Tell whether the environment asks for no display (BREVETTI_HYDRA_QUIET=1)."""
    return os.environ.get(_QUIET_VARIABLE, "") not in {"", "0"}


def observe() -> tuple[Display, ...]:
    """Give the observers that a run has unless its caller chooses others.

    Returns:
        A display; none if the environment says BREVETTI_HYDRA_QUIET=1.
    """
    if is_quiet():
        return ()
    return (Display(),)


def epochs_of(settings: Mapping[str, Any]) -> int | None:
    """Guess the number of epochs from the settings: at the root, else one level below."""
    nodes = [settings, *(node for node in settings.values() if isinstance(node, dict))]
    values = (node.get(name) for node in nodes for name in _EPOCH_NAMES)
    return next((value for value in values if type(value) is int and value > 0), None)


class _Lines:
    """One line an epoch, at most one a second, and always the last one."""

    def __init__(self, stream: TextIO, clock: Clock) -> None:
        self.total: int | None = None
        self._stream = stream
        self._clock = clock
        self._last_s: float | None = None
        self._held = ""

    @property
    def is_due(self) -> bool:
        """Whether the next epoch will be shown at once."""
        return self._last_s is None or self._clock.monotonic() - self._last_s >= _LINE_EVERY_S

    def progress(self, epoch: int, metrics: Mapping[str, float]) -> None:
        of = f"/{self.total}" if self.total else ""
        text = f"epoch {epoch}{of}  {_metrics_text(metrics)}".rstrip()
        if self.is_due:
            self._last_s, self._held = self._clock.monotonic(), ""
            self.line(text)
        else:
            self._held = text

    def begin(self, text: str) -> None:
        self.line(text)

    def line(self, text: str) -> None:
        self._stream.write(escape_control(text) + "\n")
        self._stream.flush()

    def write_above(self, content: bytes) -> bool:  # noqa: ARG002 - lines need no care
        return False

    def end(self) -> None:
        held, self._held = self._held, ""
        if held:
            self.line(held)


class _Bar:
    """One line at the bottom of the terminal that changes; the job's output scrolls above it.

    An unfinished line of output, such as the prompt of a debugger, takes the bar away until the
    line ends.
    """

    def __init__(self, stream: TextIO) -> None:
        self.total: int | None = None
        self._stream = stream
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._reports = 0
        self._partial = b""
        self._is_paused = False

    def begin(self, text: str) -> None:
        self.line(text)
        if self.total:
            self._opened()

    def progress(self, epoch: int, metrics: Mapping[str, float]) -> None:
        bar = self._opened()
        self._reports += 1
        # Jobs count from 0 or from 1, and a resumed one goes on where it was.
        done = max(self._reports, epoch)
        if self._task is not None:
            bar.update(self._task, completed=done, metrics=_metrics_text(metrics))

    def line(self, text: str) -> None:
        if self._bar is None or self._is_paused:
            self._stream.write(escape_control(text) + "\n")
            self._stream.flush()
        else:
            self._bar.console.print(escape_control(text), markup=False, highlight=False)

    def write_above(self, content: bytes) -> bool:
        if self._bar is None:
            return False
        if self._is_paused:
            self._write_raw(content)
            if content.endswith(b"\n"):
                self._is_paused = False
                self._bar.start()
                self._bar.console.show_cursor(True)
            return True
        *lines, rest = (self._partial + content).split(b"\n")
        # Of a line that rewrites itself, only what it shows in the end is of interest.
        rewrites = b"\r" in rest
        self._partial = (rest[:-1].rpartition(b"\r")[2] + rest[-1:]) if rewrites else b""
        for line in lines:
            shown = line.rstrip(b"\r").rpartition(b"\r")[2]
            self._print_above(shown.decode(errors="replace"))
        if rest and not rewrites:
            self._bar.stop()
            self._is_paused = True
            self._write_raw(rest)
        return True

    def end(self) -> None:
        bar, self._bar = self._bar, None
        if bar is None:
            return
        partial = self._partial.rstrip(b"\r")
        if self._is_paused:
            self._write_raw(b"\n")
            bar.start()
        elif partial:
            bar.console.print(escape_control(partial.decode(errors="replace")), markup=False)
        # The last state stays, as a line among the others.
        bar.live.transient = False
        bar.refresh()
        bar.stop()

    def _opened(self) -> Progress:
        if self._bar is None:
            self._bar, self._task = self._begin()
        return self._bar

    def _write_raw(self, content: bytes) -> None:
        self._stream.write(content.decode(errors="replace"))
        self._stream.flush()

    def _print_above(self, text: str) -> None:
        from rich.text import Text

        if self._bar is not None:
            self._bar.console.print(Text.from_ansi(text), soft_wrap=True)

    def _begin(self) -> tuple[Progress, TaskID]:
        # Imported here: 60 ms that a run without a terminal, or without progress, saves.
        from rich.console import Console
        from rich.progress import (
            BarColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )
        from rich.table import Column

        console = Console(file=self._stream, force_terminal=True)
        of = "/{task.total}" if self.total else ""
        bar = Progress(
            TextColumn(
                "epoch {task.completed}" + of, markup=False, table_column=Column(no_wrap=True)
            ),
            BarColumn(bar_width=16),
            TimeElapsedColumn(),
            # Where nobody knows how many epochs there are, nothing is known to be left.
            *([TimeRemainingColumn(), TextColumn("left")] if self.total else []),
            TextColumn(
                "{task.fields[metrics]}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            console=console,
            refresh_per_second=_REFRESH_HZ,
            redirect_stdout=False,
            redirect_stderr=False,
            transient=True,
            expand=True,
        )
        bar.start()
        # A killed process must not leave a terminal without cursor.
        console.show_cursor(True)
        return bar, bar.add_task("", total=self.total, metrics="")


def _duplicate_stderr() -> int | None:
    """Duplicate the process's stderr; None where something else stands in its place."""
    try:
        return os.dup(2) if sys.stderr.fileno() == 2 else None  # noqa: PLR2004 - stderr's number
    except (OSError, ValueError, AttributeError):
        return None


def _beginning(record: RunRecord) -> str:
    attempt = f", attempt {len(record.attempts)}" if len(record.attempts) > 1 else ""
    short = record.folder.rpartition("-")[2]
    return f"run {short} of {record.job.name} began{attempt}"


def _metrics_text(metrics: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in metrics.items())
