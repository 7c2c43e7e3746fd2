"""`brevetti-hydra logs RUN`."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

from brevetti_hydra.cli.logs import _harmless

if TYPE_CHECKING:
    from collections.abc import Callable


def test_text(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """A pipe gets the log as it was written."""
    make_run(log="a\n\x1b[31mred\x1b[0m\npart")

    assert (0, "a\n\x1b[31mred\x1b[0m\npart", "") == call("logs", "last")


def test_terminal_is_not_steered() -> None:
    """A terminal gets colours, and whatever else would steer it made visible."""
    assert "\x1b[31mred\x1b[0m\\x1b[2J\n10%\r20%" == _harmless(
        "\x1b[31mred\x1b[0m\x1b[2J\n10%\r20%"
    )


def test_documents(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """`--json` gives the lines, at once or one a document."""
    make_run(log="a\nä\npart")

    assert {"id": "01ab000001", "lines": ["a", "ä", "part"]} == call(
        "logs", "last", "--json"
    ).document["result"]
    assert ["a", "ä", "part"] == [
        each["result"]["line"] for each in call("logs", "last", "--json=lines").documents
    ]


def test_no_log(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """A run that printed nothing has an empty log."""
    make_run().log.unlink()

    assert (0, "", "") == call("logs", "last", "-f")


def test_follow_ends_with_the_run(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """Following prints what is added until the run has finished, and ends then."""
    from brevetti_hydra.record import RunRecord, RunState
    from brevetti_hydra.run.liveness import this_process

    folder = make_run(log="first\n")
    finished = folder.record.read_text(encoding="utf-8")
    record = RunRecord.model_validate_json(finished)
    mark = this_process()
    attempt = record.attempts[0].model_copy(
        update={
            "host": mark.host,
            "boot_id": mark.boot_id,
            "pid": mark.pid,
            "process_started": mark.started,
            "state": RunState.RUNNING,
            "ended": None,
        }
    )
    running = record.model_copy(
        update={"state": RunState.RUNNING, "ended": None, "attempts": (attempt,)}
    )
    folder.record.write_text(running.model_dump_json(), encoding="utf-8")

    def go_on() -> None:
        time.sleep(0.3)
        with folder.log.open("a", encoding="utf-8") as log:
            log.write("second\n")
        folder.record.write_text(finished, encoding="utf-8")

    thread = threading.Thread(target=go_on)
    thread.start()
    answer = call("logs", "last", "--follow")
    thread.join()

    assert (0, "first\nsecond\n", "") == answer
