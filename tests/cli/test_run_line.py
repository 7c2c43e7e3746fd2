"""A run from the command line, in a process of its own: progress, summary, documents, exit codes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest

import brevetti_hydra.cli
from brevetti_hydra.cli.documents import document_schema

if TYPE_CHECKING:
    from collections.abc import Callable

JOB = """\
import subprocess, sys, time
from brevetti_hydra import Field, Job, JobSettings

class Settings(JobSettings):
    end: str = Field("well", description="how it ends")
    epochs: int = 3
    wait_s: float = 0.0

class MyJob(Job):
    settings: Settings

    def run(self):
        print("from the job")
        subprocess.run([sys.executable, "-c", "print('from a child')"], check=True)
        begun = self.checkpoint_path / "begun"
        end = "well" if begun.exists() else self.settings.end
        begun.mkdir(parents=True, exist_ok=True)
        for epoch in range(1, self.settings.epochs + 1):
            self.report_progress(epoch, loss=1 / epoch)
            time.sleep(self.settings.wait_s)
        if end == "raise":
            raise ValueError("bad \\x1b[2J thing")
        self.add_output_metric("accuracy", float("nan") if end == "nan" else 0.93)
"""
SCHEMA = json.loads(
    (Path(brevetti_hydra.cli.__file__).parent / "schema.json").read_text(encoding="utf-8")
)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project with one job."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\n', encoding="utf-8")
    (tmp_path / "mine.py").write_text(JOB, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that runs one command line in the project."""

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "brevetti_hydra", *words],
            cwd=project,
            capture_output=True,
            text=True,
            check=False,
        )

    return call


def only_run(project: Path) -> Path:
    """Give the folder of the one run."""
    (folder,) = [path for path in (project / "runs").iterdir() if path.is_dir()]
    return folder


def document(text: str) -> Any:
    """Read a document and hold it against the published schema."""
    value = json.loads(text)
    jsonschema.validate(value, SCHEMA)
    return value


def test_schema_is_up_to_date() -> None:
    """The published schema is the one of the models."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert document_schema() == SCHEMA


def test_a_run_that_completes(run: Callable[..., Any], project: Path) -> None:
    """Output and summary go to stdout, progress to stderr in plain lines."""
    done = run("job=mine:MyJob", "epochs=2")

    folder = only_run(project)
    short = folder.name[-10:]
    lines = done.stdout.splitlines()
    assert 0 == done.returncode
    assert ["from the job", "from a child"] == sorted(lines[:2], reverse=True)
    assert lines[2].startswith(f"run {short} completed after ")
    assert "  accuracy   0.93" == lines[3]
    assert lines[4].startswith(f"  artifacts  runs/{folder.name}/storage/artifacts  (1 file, ")
    assert lines[5].endswith("-m brevetti_hydra job=mine:MyJob epochs=2")
    assert f"  more       brevetti-hydra show {short}" == lines[6]
    assert [f"run {short} of my_job began", "epoch 1/2  loss=1", "epoch 2/2  loss=0.5"] == (
        done.stderr.splitlines()
    )


def test_a_run_that_fails(run: Callable[..., Any], project: Path) -> None:
    """The traceback of the job's own code is shown, then the error with its place; exit code 1."""
    done = run("job=mine:MyJob", "end=raise")

    short = only_run(project).name[-10:]
    assert 1 == done.returncode
    assert "Traceback (most recent call last):\n  File" in done.stderr
    assert "session.py" not in done.stderr
    assert "error[run-failed]: the run failed with ValueError: bad \\x1b[2J thing\n" in done.stderr
    assert "  --> mine.py:22\n" in done.stderr
    assert "\x1b" not in done.stderr
    assert f"  go on      brevetti-hydra resume {short}\n" in done.stdout


def test_document_of_a_run(run: Callable[..., Any], project: Path) -> None:
    """With `--json` stdout is one document; what the job and its children print is on stderr."""
    done = run("job=mine:MyJob", "end=nan", "--json")

    value = document(done.stdout)
    assert (0, True, []) == (done.returncode, value["ok"], value["errors"])
    assert "completed" == value["result"]["run"]["state"]
    assert {"accuracy": "NaN"} == value["result"]["run"]["metrics"]
    assert str(only_run(project)) == value["result"]["folder"]
    log = (only_run(project) / "run.log").read_text(encoding="utf-8")
    assert ["from a child", "from the job"] == sorted(log.splitlines())
    assert "from the job\n" in done.stderr
    assert "from a child\n" in done.stderr


def test_document_of_a_failed_run(run: Callable[..., Any], project: Path) -> None:
    """A failed run has a document with its record and the error."""
    done = run("job=mine:MyJob", "end=raise", "--json")

    value = document(done.stdout)
    assert (1, False, "failed") == (done.returncode, value["ok"], value["result"]["run"]["state"])
    assert [("run-failed", {"label": "mine.py:22", "line": 22})] == [
        (each["code"], each["where"]) for each in value["errors"]
    ]


def test_document_of_a_mistake(run: Callable[..., Any], project: Path) -> None:
    """A configuration that does not validate has a document without a result."""
    done = run("job=mine:MyJob", "epochs=x", "--json")

    value = document(done.stdout)
    assert (2, False, None) == (done.returncode, value["ok"], value["result"])
    assert not (project / "runs").exists()


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_run_that_is_stopped(
    run: Callable[..., Any], project: Path, number: signal.Signals, code: int
) -> None:
    """A signal ends the run at its next report; the exit code names the signal."""
    words = [sys.executable, "-m", "brevetti_hydra", "job=mine:MyJob", "epochs=1000", "wait_s=0.05"]
    process = subprocess.Popen(
        words, cwd=project, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    while "epoch" not in process.stderr.readline():
        pass
    process.send_signal(number)
    out, err = process.communicate(timeout=60)

    assert code == process.returncode
    assert f"stopped by {number.name}\n" in err
    assert "Traceback" not in err
    assert " interrupted after " in out
    assert "interrupted" == document(run("show", "last", "--json").stdout)["result"]["run"]["state"]


def test_resume(run: Callable[..., Any], project: Path) -> None:
    """`resume` begins a new attempt in the same record, with the same checkpoints."""
    run("job=mine:MyJob", "end=raise", "epochs=1")

    done = run("resume", "last", "--json")

    record = document(done.stdout)["result"]["run"]
    assert (0, "completed") == (done.returncode, record["state"])
    assert ["failed", "completed"] == [each["state"] for each in record["attempts"]]
    assert record["folder"] == only_run(project).name


def test_resume_of_a_completed_run(run: Callable[..., Any], project: Path) -> None:
    """What completed is not begun again."""
    run("job=mine:MyJob", "epochs=1")

    done = run("resume", "last")

    assert 2 == done.returncode
    assert "is completed and cannot be resumed" in done.stderr


def test_resume_of_a_script(run: Callable[..., Any], project: Path) -> None:
    """The script that called init() is started again and takes the run up."""
    script = project / "script.py"
    script.write_text(JOB + "\nMyJob.init().start()\n", encoding="utf-8")
    subprocess.run(
        [sys.executable, "script.py", "end=raise"], cwd=project, capture_output=True, check=False
    )

    done = run("resume", "last", "--json")

    record = document(done.stdout)["result"]["run"]
    assert ["failed", "completed"] == [each["state"] for each in record["attempts"]]
    assert "from the job\n" in done.stderr


def test_other_documents_follow_the_schema(
    call: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command's documents are of the published schema."""
    monkeypatch.chdir(project)
    call("job=mine:MyJob", "epochs=1")

    for words in (
        ["runs", "--json"],
        ["runs", "--json=lines"],
        ["show", "last", "--json"],
        ["logs", "last", "--json"],
        ["tag", "last", "+a", "--json"],
        ["note", "last", "text", "--json"],
        ["--help", "--json"],
        ["job=mine:MyJob", "--help", "--json"],
        ["job=mine:MyJob", "--cfg", "job", "--json"],
        ["job=mine:MyJob", "--info", "--json"],
        ["--version", "--json"],
        ["show", "--help", "--json"],
        ["rm", "last", "--yes", "--json"],
    ):
        answer = call(*words)
        assert (0, True) == (answer.code, document(answer.out)["ok"]), words
    for words in (["show", "ffff", "--json"], ["nothing", "--json"], ["--json"], ["rm", "--json"]):
        answer = call(*words)
        assert (2, False) == (answer.code, document(answer.out)["ok"]), words


def test_plain_run_imports_little(project: Path) -> None:
    """A run without a terminal imports neither rich nor pandas, nor a command."""
    script = (
        "import sys\n"
        "from brevetti_hydra.cli.main import main\n"
        "assert 0 == main(['job=mine:MyJob', 'epochs=1'])\n"
        "print(sorted({'rich', 'pandas', 'numpy', 'requests', 'fsspec', 'upath',"
        " 'brevetti_hydra.cli.runs', 'brevetti_hydra.cli.arguments'} & set(sys.modules)))\n"
    )
    light = JOB.replace('begun = self.checkpoint_path / "begun"', "import pathlib")
    light = light.replace('"well" if begun.exists() else self.settings.end', '"well"')
    light = light.replace("begun.mkdir(parents=True, exist_ok=True)", "pass")
    (project / "mine.py").write_text(light, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=project, capture_output=True, text=True, check=False
    )

    assert "[]" == done.stdout.splitlines()[-1], done.stderr


def test_follow_a_run_at_work(run: Callable[..., Any], project: Path) -> None:
    """`logs -f` prints what a run prints until it ends."""
    words = [sys.executable, "-m", "brevetti_hydra", "job=mine:MyJob", "epochs=5", "wait_s=0.2"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        words,
        cwd=project,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not list(project.glob("runs/*/run.log")):
        time.sleep(0.01)

    done = run("logs", "last", "--follow")

    assert 0 == process.wait(timeout=60)
    assert (0, "") == (done.returncode, done.stderr)
    assert ["from a child", "from the job"] == sorted(done.stdout.splitlines())
