"""How signals stop a run; each in a process of its own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.record import RunRecord, RunState
from brevetti_hydra.run.history import list_runs

if TYPE_CHECKING:
    from pathlib import Path

HEAD = """
import os, signal, sys, threading, time
from pathlib import Path
import brevetti_hydra.run.session, brevetti_hydra.run.stopping as stopping
from brevetti_hydra.errors import RunInterrupted
from brevetti_hydra.record import JobRef
from brevetti_hydra.run import RunContext, RunPlan
from brevetti_hydra.settings import JobNode, JobSettings, PlatformNode, RunNode

class Job:
    settings = JobSettings()
    def __init__(self, context):
        self.context = context
    def run(self):
        Path("ready").touch()
        work(self.context)

def start(**node):
    plan = RunPlan(
        job=JobRef(name="job", target="m:Job"), settings=Job.settings, settings_json={},
        job_node=JobNode(), platform_node=PlatformNode(), run_node=RunNode(root="runs", **node),
    )
    context = RunContext(plan)
    try:
        context.start(Job(context))
    except RunInterrupted as error:
        sys.exit(128 + error.signal_number)
    except KeyboardInterrupt:
        sys.exit(130)
"""
FOREVER = "for epoch in range(10**9): run.report_progress(epoch, {'loss': 1}); time.sleep(0.01)"


class Running:
    """A script that runs a job, and can be sent signals."""

    def __init__(self, folder: Path, work: str, start: str) -> None:
        body = textwrap.indent(textwrap.dedent(work).strip(), "    ")
        (folder / "script.py").write_text(f"{HEAD}\ndef work(run):\n{body}\n\n{start}\n")
        self.folder = folder
        self.process = subprocess.Popen(
            [sys.executable, "script.py"],
            cwd=folder,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        deadline = time.monotonic() + 60
        while not (folder / "ready").exists():
            assert self.process.poll() is None, self.process.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.01)

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def end(self) -> tuple[int, RunRecord]:
        """Wait for the end; give the exit code and the record."""
        self.process.communicate(timeout=60)
        (record,) = list_runs(self.folder / "runs")
        return self.process.returncode, record


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_the_first_signal_asks(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """The job ends at its next report, and the record says who asked."""
    running = Running(tmp_path, FOREVER, "start()")
    running.send(number)

    exit_code, record = running.end()

    assert record.failure is not None
    assert (code, RunState.INTERRUPTED, f"stopped by {number.name}") == (
        exit_code,
        record.state,
        record.failure.message,
    )


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_time_insists(tmp_path: Path, number: signal.Signals, code: int) -> None:
    """A job that does not report is interrupted when the time is over, in the midst of a sleep."""
    running = Running(tmp_path, "time.sleep(1000)", "start(grace_s=0.05)")
    running.send(number)

    exit_code, record = running.end()

    assert (code, RunState.INTERRUPTED) == (exit_code, record.state)


def test_a_second_signal_acts_at_once(tmp_path: Path) -> None:
    """Whoever asks twice does not wait for the time to be over."""
    work = """
        while not run.stop_requested:
            time.sleep(0.01)
        Path("asked").touch()
        time.sleep(1000)
    """
    running = Running(tmp_path, work, "start(grace_s=1000)")
    running.send(signal.SIGTERM)
    while not (tmp_path / "asked").exists():
        time.sleep(0.01)
    running.send(signal.SIGTERM)

    exit_code, record = running.end()

    assert (143, RunState.INTERRUPTED) == (exit_code, record.state)


def test_a_job_that_does_not_end_is_ended(tmp_path: Path) -> None:
    """A job that swallows the KeyboardInterrupt is sealed and ended from another thread."""
    work = """
        while True:
            try:
                time.sleep(1000)
            except KeyboardInterrupt:
                pass
    """
    running = Running(tmp_path, work, "stopping.LAST_WAIT_S = 0.05; start(grace_s=0.05)")
    running.send(signal.SIGTERM)

    exit_code, record = running.end()

    assert (143, RunState.INTERRUPTED) == (exit_code, record.state)


def test_a_killed_run_is_lost_and_keeps_what_it_reported(tmp_path: Path) -> None:
    """After kill -9 the next look finds the run lost, with all that was journalled."""
    work = "[run.report_progress(n, {'loss': 1 / n}) for n in range(1, 101)]\nrun.add_output_metric('a', 1)\nPath('told').touch()\ntime.sleep(1000)"
    running = Running(tmp_path, work, "start()")
    while not (tmp_path / "told").exists():
        time.sleep(0.01)
    assert RunState.RUNNING is list_runs(tmp_path / "runs")[0].state
    running.send(signal.SIGKILL)

    exit_code, record = running.end()

    assert (-9, RunState.LOST, 100, {"loss": 0.01}, {"a": 1.0}) == (
        exit_code,
        record.state,
        record.epoch,
        record.progress,
        record.metrics,
    )


def test_handlers_are_given_back(tmp_path: Path) -> None:
    """After the run the program's own handlers are in force again."""
    start = """
own = lambda *_: None
signal.signal(signal.SIGTERM, own)
start()
Path("found").write_text(str([signal.getsignal(signal.SIGTERM) is own,
    signal.getsignal(signal.SIGINT) is signal.default_int_handler]))
"""
    running = Running(tmp_path, "pass", start)
    running.end()

    assert "[True, True]" == (tmp_path / "found").read_text()


def test_in_a_thread_signals_are_left_alone(tmp_path: Path) -> None:
    """A run in another thread takes no signals, and works."""
    start = """
before = signal.getsignal(signal.SIGTERM)
thread = threading.Thread(target=start)
thread.start(); thread.join()
Path("found").write_text(str(Path("same").exists()))
"""
    work = "Path('same').touch() if signal.getsignal(signal.SIGTERM) is before else None"
    exit_code, record = Running(tmp_path, work, start).end()

    assert (0, RunState.COMPLETED, "True") == (
        exit_code,
        record.state,
        (tmp_path / "found").read_text(),
    )


def test_a_failing_run_can_be_looked_at(tmp_path: Path) -> None:
    """run.debug opens pdb where the job failed, on a stdin of the user's own."""
    code = f"{HEAD}\ndef work(run):\n    answer = 42\n    raise ValueError('look')\n\nstart(debug=True)\n"
    (tmp_path / "script.py").write_text(code)

    result = subprocess.run(
        [sys.executable, "script.py"],
        cwd=tmp_path,
        input="p answer\nq\n",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert (1, True, RunState.FAILED) == (
        result.returncode,
        "42" in result.stdout,
        list_runs(tmp_path / "runs")[0].state,
    )


@pytest.mark.parametrize(
    ("point", "code", "state"),
    [
        # Everything is done: the signal waits until the run is sealed, and finds nothing to stop.
        ("state.completed", 0, RunState.COMPLETED),
        ("state.created", 130, RunState.INTERRUPTED),
        ("snapshot.written", 130, RunState.INTERRUPTED),
        ("state.running", 130, RunState.INTERRUPTED),
    ],
)
def test_a_signal_never_leaves_a_run_open(
    tmp_path: Path, point: str, code: int, state: RunState
) -> None:
    """Whatever a run is doing when a signal comes, its record ends in a state."""
    start = f"""
from brevetti_hydra import _files
Path("ready").touch()
def strike(point, moment):
    if (point, moment) == ({point!r}, "before"):
        os.kill(os.getpid(), signal.SIGINT)
_files.on_write = strike
start()
"""
    exit_code, record = Running(tmp_path, "pass", start).end()

    assert (code, state) == (exit_code, record.state)


def journal_of(folder: Path) -> list[dict[str, Any]]:
    (journal,) = folder.glob("runs/*/journal.jsonl")
    return [json.loads(line) for line in journal.read_bytes().splitlines()]


def test_a_forked_child_is_not_stopped_as_a_run(tmp_path: Path) -> None:
    """A signal to a forked child ends the child, and leaves the run's record alone."""
    work = """
        child = os.fork()
        if child == 0:
            try:
                time.sleep(1000)
            except KeyboardInterrupt:
                os._exit(7)
        time.sleep(0.1)
        os.kill(child, signal.SIGTERM)
        run.add_output_metric("code", os.waitstatus_to_exitcode(os.wait()[1]))
    """
    exit_code, record = Running(tmp_path, work, "start()").end()

    assert (0, {"code": 7.0}) == (exit_code, record.metrics)
    assert 1 == len({event["attempt"] for event in journal_of(tmp_path)})
    assert os.getpid() != record.attempts[0].pid


def test_a_failure_is_sealed_whatever_signals_come(tmp_path: Path) -> None:
    """Signals while a failure is being sealed end nothing: the record tells the failure."""
    start = """
from brevetti_hydra import _files
def strike(point, moment):
    if failing and moment == "before":
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
_files.on_write = strike
failing = []
start()
"""
    work = "failing.append(1)\nraise ValueError('too hot')"
    exit_code, record = Running(tmp_path, work, start).end()

    assert record.failure is not None
    assert (1, RunState.FAILED, "too hot") == (exit_code, record.state, record.failure.message)


def test_the_reason_is_what_ended_the_run(tmp_path: Path) -> None:
    """A signal that comes while an interrupted run is sealed does not become its reason."""
    start = """
from brevetti_hydra import _files
def strike(point, moment):
    if stopping_now and moment == "before":
        os.kill(os.getpid(), signal.SIGTERM)
_files.on_write = strike
stopping_now = []
start()
"""
    work = "stopping_now.append(1)\nraise KeyboardInterrupt"
    exit_code, record = Running(tmp_path, work, start).end()

    assert record.failure is not None
    assert (130, "stopped by SIGINT") == (exit_code, record.failure.message)


STUBBORN = """
    while True:
        try:
            time.sleep(1000)
        except KeyboardInterrupt:
            pass
"""


@pytest.mark.parametrize(
    "trouble",
    [
        # Another attempt has begun.
        "run.folder.claim.unlink()\nif True:",
        # The main thread is stuck where it records.
        "with run._session.recorder._threads:",
        # Another process is stuck with the run's lock.
        "from brevetti_hydra._files import lock\nwith lock(run.folder.lock, point='run.locked'):",
    ],
)
def test_a_process_that_cannot_seal_ends_all_the_same(tmp_path: Path, trouble: str) -> None:
    """A process that was told to end ends, and the next look finds the run lost."""
    work = f"{trouble}{STUBBORN}"
    running = Running(tmp_path, work, "stopping.LAST_WAIT_S = 0.05; start(grace_s=0.05)")
    running.send(signal.SIGTERM)

    exit_code, record = running.end()

    assert (143, RunState.LOST) == (exit_code, record.state)


def test_time_insists_without_thread_signals(tmp_path: Path) -> None:
    """Where a system cannot signal a thread, the main thread is interrupted all the same."""
    work = "while True: time.sleep(0.01)"
    running = Running(tmp_path, work, "del signal.pthread_kill; start(grace_s=0.05)")
    running.send(signal.SIGINT)

    exit_code, record = running.end()

    assert (130, RunState.INTERRUPTED) == (exit_code, record.state)
