"""What a run and its children print goes to the terminal and to run.log."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from brevetti_hydra.run import RunContext

    from .conftest import Starter

HEAD = """
import os, subprocess, sys, time
from pathlib import Path
from brevetti_hydra.record import JobRef
from brevetti_hydra.run import RunContext, RunPlan
from brevetti_hydra.settings import JobNode, JobSettings, PlatformNode, RunNode

class Job:
    settings = JobSettings()
    def run(self):
        work()

def start(**options):
    node = options.pop("node", {})
    plan = RunPlan(
        job=JobRef(name="job", target="m:Job"), settings=Job.settings, settings_json={},
        job_node=JobNode(), platform_node=PlatformNode(), run_node=RunNode(root="runs", **node),
        **options.pop("plan", {}),
    )
    context = RunContext(plan, **options)
    context.start(Job())
    return context
"""


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give what runs a script, whose `work()` is the job, in a process of its own."""

    def run(work: str, end: str = "start()") -> subprocess.CompletedProcess[str]:
        body = "\n".join("    " + line for line in work.strip().splitlines())
        (tmp_path / "script.py").write_text(f"{HEAD}\ndef work():\n{body}\n\n{end}\n")
        return subprocess.run(
            [sys.executable, "script.py"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return run


def log_below(folder: Path) -> str:
    (log,) = folder.glob("runs/*/run.log")
    return log.read_text()


def test_output_of_the_run_and_its_children_is_copied(
    script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Python, descriptors and child processes: all of it is in run.log, and where it belongs."""
    result = script(
        """
print("by print")
os.write(1, b"by descriptor\\n")
subprocess.run(["sh", "-c", "echo by child; echo child error >&2"])
sys.stderr.write("by stderr\\n")
"""
    )

    # Two streams are two pipes: between them there is no order.
    assert (0, ["by child", "by descriptor", "by print"]) == (
        result.returncode,
        sorted(result.stdout.splitlines()),
    )
    assert ["by stderr", "child error"] == sorted(result.stderr.splitlines())
    assert sorted((result.stdout + result.stderr).splitlines()) == sorted(
        log_below(tmp_path).splitlines()
    )


def test_nothing_of_a_large_output_is_lost(
    script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """Five megabytes come through, in order, before the record is sealed."""
    result = script("for n in range(500_000): print(f'{n:09d}')")

    expected = "".join(f"{n:09d}\n" for n in range(500_000))
    assert (True, True) == (expected == result.stdout, expected == log_below(tmp_path))


def test_a_child_that_outlives_the_run_does_not_hang_it(
    script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """The run ends although a child still holds its stdout."""
    work = """
print("first", flush=True)
child = subprocess.Popen(["sleep", "1000"])
Path("pid").write_text(str(child.pid))
"""
    end = "start(); print('after'); os.kill(int(Path('pid').read_text()), 9)"
    result = script(work, end)

    assert (0, "first\nafter\n", "first\n") == (
        result.returncode,
        result.stdout,
        log_below(tmp_path),
    )


def test_a_child_that_prints_for_ever_does_not_hang_the_run(
    script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """The drain has an end although there is always something to read."""
    work = """
child = subprocess.Popen(["yes"])
Path("pid").write_text(str(child.pid))
time.sleep(0.05)
"""
    result = script(work, "start(); os.kill(int(Path('pid').read_text()), 9)")

    assert 0 == result.returncode


def test_stdout_can_be_sent_to_stderr(
    script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """With --json the job's prints go to stderr, and stdout stays free."""
    result = script(
        "print('job'); os.system('echo child')", "start(stdout_to_stderr=True); print('{}')"
    )

    assert ("{}\n", ["child", "job"]) == (result.stdout, sorted(result.stderr.splitlines()))
    assert ["child", "job"] == sorted(log_below(tmp_path).splitlines())


def test_without_capture_nothing_is_copied(
    script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """run.capture=false leaves the descriptors alone; the log holds what is logged."""
    work = "print('job'); CONTEXT[0].logger.info('logged')"
    end = """
CONTEXT = []
import brevetti_hydra.run.session as session
class Watched(RunContext):
    def start(self, job):
        CONTEXT.append(self)
        return super().start(job)
RunContext = Watched
start(node={"capture": False})
"""
    result = script(work, end)

    assert ("job\n", True) == (result.stdout, "INFO logged" in result.stderr)
    assert log_below(tmp_path).endswith("INFO logged\n")


def test_without_capture_stdout_still_goes_to_stderr(
    script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """--json owns stdout, captured or not."""
    result = script(
        "print('job')", "start(stdout_to_stderr=True, node={'capture': False}); print('{}')"
    )

    assert ("{}\n", "job\n") == (result.stdout, result.stderr)


def test_closed_streams_are_no_reason_to_fail(
    script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """A daemon without stdout and stderr can run a job."""
    end = """
os.close(1); os.close(2); sys.stdout = sys.stderr = None
Path("state").write_text(start().record.state)
"""
    result = script("pass", end)

    assert 0 == result.returncode


def test_a_job_may_close_its_streams(
    script: Callable[..., subprocess.CompletedProcess[str]],
) -> None:
    """A job that closes stdout gets it back afterwards, as everybody does."""
    result = script("os.close(1)", "start(); print('after')")

    assert (0, "after\n") == (result.returncode, result.stdout)


def test_a_crash_leaves_its_stack_in_the_log(
    script: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    """A segmentation fault writes where it happened to run.log."""
    result = script("import faulthandler; faulthandler._sigsegv()")

    assert -11 == result.returncode
    assert "Fatal Python error: Segmentation fault" in log_below(tmp_path)


def test_terminals_stay_terminals(tmp_path: Path) -> None:
    """On a terminal the job sees a terminal of the same size, and run.log has plain line feeds."""
    work = "print(os.isatty(1), os.isatty(2), os.get_terminal_size(1).columns)"
    (tmp_path / "script.py").write_text(f"{HEAD}\ndef work():\n    {work}\n\nstart()\n")
    reader, writer = pty.openpty()
    size = "import fcntl, struct, sys, termios; fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack('HHHH', 24, 77, 0, 0))"
    subprocess.run([sys.executable, "-c", size], stdin=writer, check=True)
    process = subprocess.Popen(
        [sys.executable, "script.py"], cwd=tmp_path, stdin=writer, stdout=writer, stderr=writer
    )
    os.close(writer)
    shown = b""
    while True:
        try:
            piece = os.read(reader, 4096)
        except OSError:
            break
        if not piece:
            break
        shown += piece
    os.close(reader)

    assert (0, b"True True 77\r\n") == (process.wait(30), shown)
    assert "True True 77\n" == log_below(tmp_path)


def test_python_streams_of_others_are_copied(
    starter: Starter, capsys: pytest.CaptureFixture[str]
) -> None:
    """A stdout that is no descriptor, as in a notebook, is copied too, and put back."""
    before = sys.stdout

    context = starter.start(lambda _: print("in a notebook"))

    assert before is sys.stdout
    assert ("in a notebook\n", "in a notebook\n") == (
        capsys.readouterr().out,
        context.folder.log.read_text(),
    )


def test_descriptors_are_given_back(starter: Starter) -> None:
    """After a run no descriptor and no thread of it is left."""
    starter.start(lambda _: None)
    before = sorted(Path("/proc/self/fd").iterdir())

    for _ in range(3):
        starter.start(lambda run: run.logger.info("x"))

    assert before == sorted(Path("/proc/self/fd").iterdir())


def test_the_root_logger_is_left_alone(starter: Starter) -> None:
    """A run adds no handler to the root logger, and changes no level."""
    import logging

    root = logging.getLogger()
    before = (root.level, list(root.handlers))

    def work(run: RunContext) -> None:
        seen.append((root.level, list(root.handlers)))
        run.logger.info("hello")

    seen: list[object] = []
    starter.start(work)

    assert [before] == seen
    assert before == (root.level, list(root.handlers))


def test_two_runs_of_one_job_have_their_own_lines(starter: Starter) -> None:
    """What one run logs does not stand in the other's log."""
    outer = starter.context()

    def work(run: RunContext) -> None:
        inner = starter.start(lambda other: other.logger.info("inner"))
        run.logger.info("outer")
        logs.append(inner.folder.log.read_text())

    logs: list[str] = []
    starter.run(outer, work)

    assert [True, False] == ["INFO inner" in logs[0], "outer" in logs[0]]
    assert "INFO outer" in outer.folder.log.read_text()
