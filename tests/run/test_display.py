"""Progress for people: lines, and a bar on a real pseudo terminal."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.record import JobRef, RunRecord, RunState
from brevetti_hydra.run.display import Display, epochs_of, observe
from brevetti_hydra.run.events import ProgressReported, StateChanged, Warned

if TYPE_CHECKING:
    from pathlib import Path


class SteppedClock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> float:
        return self.seconds

    def monotonic(self) -> float:
        return self.seconds


def running(settings: dict[str, Any]) -> RunRecord:
    return RunRecord(
        run_id="4f1c9a0b-1200-4000-8000-000000000000",
        folder="20261123T101500Z-classifier-4f1c9a0b12",
        job=JobRef(name="classifier", target="my.train:MyJob"),
        state=RunState.RUNNING,
        created="2026-11-23T10:15:00.000Z",
        seed=0,
        overrides=(),
        command=(),
        settings=settings,
        storage="storage",
    )


def test_lines_are_rate_limited() -> None:
    """At most one line a second is printed, and the last one always."""
    stream, clock = io.StringIO(), SteppedClock()
    display = Display(stream, clock=clock)
    display(StateChanged(RunState.CREATED, running({"epochs": 5})))

    for epoch, seconds in enumerate((0.0, 0.5, 1.0, 1.2, 1.4), 1):
        clock.seconds = seconds
        display(ProgressReported(epoch, {"loss": 1 / epoch}))
    display(Warned("odd \x1b[31m"))
    display.close()
    display.close()

    assert (
        "run 4f1c9a0b12 of classifier began\nepoch 1/5  loss=1\nepoch 3/5  loss=0.3333\nwarning: odd \\x1b[31m\nepoch 5/5  loss=0.2\n"
        == stream.getvalue()
    )


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"epochs": 3}, 3),
        ({"lr": 0.1, "trainer": {"max_epochs": 7}}, 7),
        ({"epochs": "3", "model": {}}, None),
        ({"epochs": True}, None),
        ({}, None),
    ],
)
def test_length_of_the_bar(settings: dict[str, Any], expected: int | None) -> None:
    """The number of epochs is read from the settings where it has a usual name."""
    assert expected == epochs_of(settings)


def test_quiet(monkeypatch: pytest.MonkeyPatch) -> None:
    """BREVETTI_HYDRA_QUIET=1 shows nothing."""
    monkeypatch.setenv("BREVETTI_HYDRA_QUIET", "1")

    assert () == observe()


def test_a_closed_stream_stops_nothing() -> None:
    """Progress that nobody can see raises nothing."""
    stream = io.StringIO()
    display = Display(stream)
    display(Warned("still open"))
    stream.close()

    display(ProgressReported(1, {}))
    display(ProgressReported(2, {}))
    display.close()


SCRIPT = """
import sys
from brevetti_hydra.run.display import Display
from brevetti_hydra.run.events import ProgressReported
display = Display()
assert "rich" not in sys.modules
display(ProgressReported(1, {"loss": 0.5}))
assert "rich" in sys.modules
assert display.write_above(b"hel"), "the bar takes output"
assert display.write_above(b"lo\\n") and display.write_above(b"10%\\r20%")
display(ProgressReported(2, {"loss": 0.25}))
display.write_above(b"(Pdb) ")
display.write_above(b"n\\nafter\\n")
display.close()
"""


def run_in_terminal(script: str) -> bytes:
    """Run Python with stderr on a pseudo terminal and give what it shows."""
    controller, terminal = pty.openpty()
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "80"}
    process = subprocess.Popen([sys.executable, "-c", script], stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    while True:
        try:
            piece = os.read(controller, 1 << 16)
        except OSError:  # a pseudo terminal ends in EIO
            break
        if not piece:
            break
        shown += piece
    os.close(controller)
    assert 0 == process.wait(), shown.decode()
    return shown


def test_bar_on_a_terminal() -> None:
    """A terminal gets a bar that the job's output passes above; rich is imported only then."""
    shown = run_in_terminal(SCRIPT).decode()

    assert "epoch 2" in shown
    assert "loss=0.25" in shown
    assert "hello\r\n" in shown
    assert "10%" not in shown
    assert "20%(Pdb) n\r\nafter\r\n" in shown


def test_the_bar_tells_the_time_left(tmp_path: Path) -> None:
    """Where the number of epochs is known, both times are shown: gone by and left."""
    script = (
        f"import os; os.chdir({str(tmp_path)!r})\n"
        "from brevetti_hydra.cli.main import main\n"
        "main(['job=hello', 'epochs=3'])\n"
    )

    shown = run_in_terminal(script).decode()

    assert re.search(r"epoch 3/3 .*0:00:0\d.*0:00:00.* left .*progress=1", shown), shown


def test_a_killed_process_leaves_the_cursor() -> None:
    """The cursor is visible while the bar stands, so that kill -9 leaves a usable terminal."""
    shown = run_in_terminal(SCRIPT.replace("display.close()", "import os; os._exit(0)"))

    assert shown.rfind(b"\x1b[?25l") < shown.rfind(b"\x1b[?25h")
