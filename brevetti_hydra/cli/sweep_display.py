"""A sweep while it runs: a live view on a terminal, a line for each trial that ends elsewhere.

Both go to the stderr that the process had at first: a trial in the same process puts a pipe in its
place. What they show is read from the sweep's folder, so that they see what other drivers do, too.
"""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from typing import TYPE_CHECKING, Self, TextIO

from brevetti_hydra._clock import SYSTEM_CLOCK
from brevetti_hydra._text import escape_control
from brevetti_hydra.cli.sweep_text import best_text, running_text, settings_text, values_text
from brevetti_hydra.cli.text import format_duration, one_line
from brevetti_hydra.errors import BrevettiHydraError
from brevetti_hydra.record import RunState
from brevetti_hydra.run.display import is_quiet
from brevetti_hydra.sweep.summary.table import failure_text, trial_fields
from brevetti_hydra.sweep.summary.watch import SweepWatch, time_left_s

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console, RenderableType
    from rich.live import Live

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.record import RunRecord
    from brevetti_hydra.sweep.folders import SweepFolder
    from brevetti_hydra.sweep.opened import OpenSweep
    from brevetti_hydra.sweep.record import PlannedTrial
    from brevetti_hydra.sweep.summary.view import SweepView, TrialView

__all__ = ["SweepDisplay"]

_REFRESH_S = 0.5
_MOST_RUNNING = 8


class SweepDisplay:
    """Shows a sweep while the block lasts; an observer of a driver.

    It never raises because of what it cannot show.
    """

    def __init__(
        self, folder: SweepFolder, reply: Reply, *, sweep: OpenSweep | None = None
    ) -> None:
        """Prepare; nothing is shown yet.

        Args:
            folder: The sweep's folder.
            reply: Takes a document for each trial that ends, with `--json=lines`.
            sweep: The sweep, where it is open already.
        """
        self._reply = reply
        self._watch = SweepWatch(folder, sweep=sweep)
        self._lock = threading.Lock()
        self._done = threading.Event()
        self._stream: TextIO | None = None
        self._owned: TextIO | None = None
        self._live: Live | None = None
        self._thread: threading.Thread | None = None
        self._view: SweepView | None = None

    def __enter__(self) -> Self:
        """Begin to show."""
        with suppress(BrevettiHydraError):
            self._view = self._watch.refresh()
        if is_quiet():
            return self
        self._owned = _own_stderr()
        self._stream = self._owned or sys.stderr
        if self._stream.isatty() and os.environ.get("TERM") != "dumb":
            self._live = _begin_live(self._stream)
            self._thread = threading.Thread(target=self._refresh, daemon=True)
            self._thread.name = "brevetti-hydra sweep view"
            self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Take the view away; lines stay."""
        self._done.set()
        if self._thread is not None:
            self._thread.join()
        with suppress(OSError, ValueError):
            if self._live is not None:
                self._live.stop()
            if self._owned is not None:
                self._owned.close()

    def __call__(self, planned: PlannedTrial, record: RunRecord | None) -> None:
        """Show that a trial has ended."""
        with self._lock:
            trial = self._watch.told(planned, record)
            view = self._view
        if view is not None and record is not None:
            self.ended(view, trial)

    def last_view(self) -> SweepView:
        """Give the sweep as it is now; trials that have told of their end are not read again.

        Raises:
            RecordUnreadableError: The sweep's own files are missing or damaged.
        """
        with self._lock:
            return self._watch.refresh()

    def ended(self, view: SweepView, trial: TrialView) -> None:
        """Show a trial that has ended as a line, where there is no live view."""
        if self._reply.json == "lines":
            self._reply.stream(trial_fields(view, trial))
        if self._live is not None or self._stream is None:
            return
        with suppress(OSError, ValueError):
            self._stream.write(f"{_ended_text(view, trial)}\n")
            self._stream.flush()

    def _refresh(self) -> None:
        while not self._done.wait(_REFRESH_S):
            with suppress(BrevettiHydraError, OSError, ValueError):
                with self._lock:
                    self._view = view = self._watch.refresh()
                if self._live is not None:
                    self._live.update(_live_view(view, SYSTEM_CLOCK.now()), refresh=True)


def _own_stderr() -> TextIO | None:
    """Duplicate the process's stderr; None where something else stands in its place."""
    with suppress(OSError, ValueError, AttributeError):
        if sys.stderr.fileno() == 2:  # noqa: PLR2004 - stderr's number
            return os.fdopen(os.dup(2), "w", encoding="utf-8", errors="backslashreplace")
    return None


def _begin_live(stream: TextIO) -> Live:
    # Imported here: 60 ms that a sweep without a terminal saves.
    from rich.console import Console
    from rich.live import Live

    console: Console = Console(file=stream, force_terminal=True)
    live = Live(
        console=console,
        auto_refresh=False,
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    )
    live.start()
    # A killed process must not leave a terminal without cursor.
    console.show_cursor(True)
    return live


def _ended_text(view: SweepView, trial: TrialView) -> str:
    took = format_duration(trial.duration_s)
    parts = (f"trial {trial.number}", trial.state.value, took, values_text(view, trial))
    text = "  ".join(filter(None, (*parts, settings_text(trial), failure_text(trial))))
    return escape_control(one_line(text))


def _live_view(view: SweepView, now: float) -> RenderableType:
    from rich.console import Group
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    running = [trial for trial in view.trials if trial.state is RunState.RUNNING]
    failed = view.counts.get("failed", 0)
    head = Table.grid(padding=(0, 2))
    bar = ProgressBar(total=max(1, view.total), completed=view.done + failed, width=24)
    left = format_duration(time_left_s(view, now))
    facts = [f"{view.done + failed}/{view.total} done", f"{len(running)} running"]
    facts += [f"{failed} failed"] if failed else []
    facts += [f"{left} left"] if left else []
    head.add_row(Text(f"sweep {view.folder.short_id}"), bar, Text("  ".join(facts)))
    lines = [_line(f"  {running_text(trial, now)}") for trial in running[:_MOST_RUNNING]]
    if len(running) > _MOST_RUNNING:
        lines.append(_line(f"  and {len(running) - _MOST_RUNNING} more"))
    best = best_text(view)
    return Group(head, *([_line(f"  best {best}", "bold")] if best else []), *lines)


def _line(text: str, style: str = "") -> RenderableType:
    from rich.text import Text

    return Text(escape_control(one_line(text)), style=style, no_wrap=True, overflow="ellipsis")
