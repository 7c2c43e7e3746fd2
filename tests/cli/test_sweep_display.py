"""A sweep while it runs: lines, documents, and a live view on a terminal."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pexpect
import pyte
import pytest

if TYPE_CHECKING:
    from pathlib import Path

JOB = """\
from brevetti_hydra import Job, JobSettings

class Settings(JobSettings):
    x: int = 1
    pause_s: float = 0.0

class Small(Job):
    objective = "loss"
    settings: Settings

    def run(self):
        import time
        print("a word of the job")
        if self.settings.x == 3:
            raise ValueError("three")
        self.report_progress(1, loss=float(self.settings.x))
        time.sleep(self.settings.pause_s)
"""


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a project with a job that reports once, and fails for one value."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "small.py").write_text(JOB, encoding="utf-8")
    return tmp_path


def run(*words: str) -> subprocess.CompletedProcess[str]:
    line = [sys.executable, "-m", "brevetti_hydra", "-m", "job=small:Small", *words]
    return subprocess.run(line, capture_output=True, text=True, check=False)


def test_lines_where_there_is_no_terminal(project: Path) -> None:
    """Each trial that ends is a line on stderr; stdout has the summary, and no job's output."""
    done = run("x=1,2,3")

    lines = [re.sub(r"\d+\.\d+s", "SPAN", line) for line in done.stderr.splitlines()]
    assert 1 == done.returncode
    assert [
        "trial 0  completed  SPAN  loss=1  x=1",
        "trial 1  completed  SPAN  loss=2  x=2",
        "trial 2  failed  SPAN  x=3  ValueError: three",
    ] == lines[1:]
    assert "a word of the job" not in done.stdout + done.stderr
    assert "trial 2 failed: ValueError: three\n" in done.stdout
    (log,) = project.glob("runs/sweep-*/00000-*/run.log")
    assert "a word of the job" in log.read_text(encoding="utf-8")


def test_a_document_a_line(project: Path) -> None:
    """With `--json=lines` each trial that ends is a document; the last one sums up."""
    documents = [json.loads(line) for line in run("x=1,2", "--json=lines").stdout.splitlines()]

    *trials, last = [document["result"] for document in documents]
    assert [(0, {"loss": 1.0}), (1, {"loss": 2.0})] == [
        (trial["number"], trial["values"]) for trial in trials
    ]
    assert ("completed", [0], []) == (last["state"], last["best"], last["trials"])


def test_one_document(project: Path) -> None:
    """With `--json` there is one, not ok where a trial failed."""
    done = run("x=1,3", "--json")

    document: Any = json.loads(done.stdout)
    assert (1, False) == (done.returncode, document["ok"])
    assert {"completed": 1, "failed": 1} == document["result"]["counts"]


def test_a_live_view_on_a_terminal(project: Path) -> None:
    """What runs, what is best and how much is done stands in place, and is gone at the end."""
    screen = pyte.Screen(100, 24)
    stream = pyte.ByteStream(screen)
    words = ["-m", "brevetti_hydra", "-m", "job=small:Small", "x=1,2", "pause_s=1.5"]
    child = pexpect.spawn(sys.executable, words, dimensions=(24, 100), timeout=60)
    seen: list[str] = []

    while True:
        try:
            stream.feed(child.read_nonblocking(4096, timeout=60))
        except pexpect.EOF:
            break
        seen.append("\n".join(line.rstrip() for line in screen.display))
    child.close()

    assert 0 == child.exitstatus
    assert any("1/2 done" in text and "best loss=1  trial 0  x=1" in text for text in seen)
    assert any(re.search(r"trial 1 .*epoch 1  loss=2  x=2", text) for text in seen)
    assert "done" not in seen[-1]
    assert "2 trials completed" in seen[-1]
    assert not any("a word of the job" in text for text in seen)
