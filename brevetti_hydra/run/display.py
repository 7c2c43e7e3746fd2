"""Progress for people: a bar on a terminal, plain lines elsewhere, on stderr.

An observer of a run's events. It writes to the stderr that the process had when it was opened, so
that what it shows does not end up in run.log.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import TYPE_CHECKING, Any, Protocol

from brevetti_hydra._clock import SYSTEM_CLOCK
from brevetti_hydra._text import escape_control
from brevetti_hydra.record import RunState
from brevetti_hydra.run.events import ProgressReported, StateChanged, Warned

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import TextIO

    from rich.progress import Progress, TaskID

    from brevetti_hydra._clock import Clock
    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.run.events import RunEvent

__all__ = ["Display", "epochs_of", "open_display"]

_QUIET_VARIABLE = "BREVETTI_HYDRA_QUIET"

# Plain lines come at most this often, so that a log of a thousand short epochs stays readable.
_LINE_EVERY_S = 1.0
_REFRESH_HZ = 4
_EPOCH_NAMES = ("epochs", "max_epochs", "num_epochs", "n_epochs")


class Display:
    """Shows a run's events; call it with each, and close it at the end.

    It may be called from any thread, and never raises because of the stream: progress that nobody
    can see is no reason to stop a training.
    """

    def __init__(self, view: _View, *, owns: TextIO | None = None) -> None:
        self._view = view
        self._owns = owns
        self._lock = threading.Lock()
        self._is_closed = False

    def __call__(self, event: RunEvent) -> None:
        """Show one event."""
        with self._lock:
            if self._is_closed:
                return
            try:
                self._show(event)
            except (OSError, ValueError):
                self._is_closed = True

    def close(self) -> None:
        """Take the bar away, show what was held back, and let the stream go."""
        with self._lock:
            try:
                if not self._is_closed:
                    self._view.end()
                if self._owns is not None:
                    self._owns.close()
            except (OSError, ValueError):
                pass
            self._is_closed = True

    def write_above(self, content: bytes) -> bool:
        """Let output of the job pass without tearing the bar.

        Args:
            content: What was printed to a terminal, in pieces of any size.

        Returns:
            Whether it was written; False leaves it to the caller.
        """
        with self._lock:
            return not self._is_closed and self._view.write_above(content)

    def _show(self, event: RunEvent) -> None:
        if isinstance(event, ProgressReported):
            self._view.progress(event.epoch, event.metrics)
        elif isinstance(event, Warned):
            self._view.line(f"warning: {event.text}")
        elif isinstance(event, StateChanged):
            if event.record.state is RunState.RUNNING:
                self._view.line(_beginning(event.record))
            elif event.record.state.is_finished:
                self._view.end()


class _View(Protocol):
    """One way to show progress."""

    def progress(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """Show an epoch."""

    def line(self, text: str) -> None:
        """Show a line."""

    def write_above(self, content: bytes) -> bool:
        """Take the job's output, or leave it."""

    def end(self) -> None:
        """Show the last of it; a second call does nothing."""


def open_display(
    settings: Mapping[str, Any], *, stream: TextIO | None = None, clock: Clock = SYSTEM_CLOCK
) -> Display | None:
    """Open the display of a run.

    Args:
        settings: The run's settings; an `epochs` among them tells how long the bar is.
        stream: Where to show it; default: the process's stderr.
        clock: Tells the time.

    Returns:
        The display; None if the environment says BREVETTI_HYDRA_QUIET=1.
    """
    if os.environ.get(_QUIET_VARIABLE, "") not in {"", "0"}:
        return None
    owns = None
    if stream is None:
        stream = owns = _own_stderr()
    stream = stream or sys.stderr
    total = epochs_of(settings)
    if stream.isatty() and os.environ.get("TERM") != "dumb":
        return Display(_Bar(stream, total), owns=owns)
    return Display(_Lines(stream, total, clock), owns=owns)


def epochs_of(settings: Mapping[str, Any]) -> int | None:
    """Guess the number of epochs from the settings: at the root, else one level below."""
    nodes = [settings, *(node for node in settings.values() if isinstance(node, dict))]
    values = (node.get(name) for node in nodes for name in _EPOCH_NAMES)
    return next((value for value in values if type(value) is int and value > 0), None)


class _Lines:
    """One line an epoch, at most one a second, and always the last one."""

    def __init__(self, stream: TextIO, total: int | None, clock: Clock) -> None:
        self._stream = stream
        self._total = total
        self._clock = clock
        self._last_s: float | None = None
        self._held = ""

    def progress(self, epoch: int, metrics: Mapping[str, float]) -> None:
        of = f"/{self._total}" if self._total else ""
        text = f"epoch {epoch}{of}  {_metrics_text(metrics)}".rstrip()
        now = self._clock.monotonic()
        if self._last_s is None or now - self._last_s >= _LINE_EVERY_S:
            self._last_s, self._held = now, ""
            self.line(text)
        else:
            self._held = text

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
    """One line at the bottom of the terminal that changes; the job's output scrolls above it."""

    def __init__(self, stream: TextIO, total: int | None) -> None:
        self._stream = stream
        self._total = total
        self._bar: Progress | None = None
        self._task: TaskID | None = None
        self._reports = 0
        self._partial = b""

    def progress(self, epoch: int, metrics: Mapping[str, float]) -> None:
        if self._bar is None:
            self._bar, self._task = self._begin()
        self._reports += 1
        # Jobs count from 0 or from 1, and a resumed one goes on where it was.
        done = max(self._reports, epoch)
        if self._task is not None:
            self._bar.update(self._task, completed=done, metrics=_metrics_text(metrics))

    def line(self, text: str) -> None:
        if self._bar is None:
            self._stream.write(escape_control(text) + "\n")
            self._stream.flush()
        else:
            self._bar.console.print(escape_control(text), markup=False, highlight=False)

    def write_above(self, content: bytes) -> bool:
        if self._bar is None:
            return False
        *lines, rest = (self._partial + content).split(b"\n")
        # Of a line that rewrites itself, only what it shows in the end is of interest.
        self._partial = rest.rpartition(b"\r")[2] if not rest.endswith(b"\r") else rest
        for line in lines:
            shown = line.rstrip(b"\r").rpartition(b"\r")[2]
            self._print_above(shown.decode(errors="replace"))
        return True

    def end(self) -> None:
        if self._bar is None:
            return
        partial, self._partial = self._partial.rstrip(b"\r"), b""
        if partial:
            self._print_above(partial.decode(errors="replace"))
        self._bar.refresh()
        self._bar.stop()
        self._bar = None

    def _print_above(self, text: str) -> None:
        from rich.text import Text

        if self._bar is not None:
            self._bar.console.print(Text.from_ansi(text), soft_wrap=True)

    def _begin(self) -> tuple[Progress, TaskID]:
        # Imported here: 60 ms that a run without a terminal, or without progress, saves.
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
        from rich.table import Column

        console = Console(file=self._stream, force_terminal=True)
        of = "/{task.total}" if self._total else ""
        bar = Progress(
            TextColumn(
                "epoch {task.completed}" + of, markup=False, table_column=Column(no_wrap=True)
            ),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            TextColumn(
                "{task.fields[metrics]}",
                markup=False,
                table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1),
            ),
            console=console,
            refresh_per_second=_REFRESH_HZ,
            redirect_stdout=False,
            redirect_stderr=False,
            expand=True,
        )
        bar.start()
        # A killed process must not leave a terminal without cursor.
        console.show_cursor(True)
        return bar, bar.add_task("", total=self._total, metrics="")


def _own_stderr() -> TextIO | None:
    """Duplicate the process's stderr; None where it was replaced by something else."""
    try:
        if sys.stderr.fileno() != 2:  # noqa: PLR2004 - the descriptor of stderr
            return None
        return os.fdopen(os.dup(2), "w", encoding=sys.stderr.encoding, errors="backslashreplace")
    except (OSError, ValueError, AttributeError):
        return None


def _beginning(record: RunRecord) -> str:
    attempt = f", attempt {len(record.attempts)}" if len(record.attempts) > 1 else ""
    short = record.folder.rpartition("-")[2]
    return f"run {short} of {record.job.name} began{attempt}"


def _metrics_text(metrics: Mapping[str, float]) -> str:
    return " ".join(f"{name}={value:.4g}" for name, value in metrics.items())
