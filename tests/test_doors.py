"""Runs that are taken up again, and ids that name nothing, through both doors."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.run.history import find_run, list_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

JOBS = """
import os
import random
from brevetti_hydra import Field, Job, JobSettings, Secret

class Settings(JobSettings):
    drawn: int = Field(default_factory=lambda: random.SystemRandom().randrange(10**12))
    best: float = float("inf")
    label: str = "x"

class Again(Job):
    settings: Settings

    def run(self):
        facts = [self.settings.drawn, self.settings.best, self.settings.label, self.tags,
                 [d.name for d in self.datasets], [len(list(d.iter_images())) for d in self.datasets]]
        (self.artifacts_path / "facts.txt").open("a").write(f"{facts}\\n")
        if not os.path.exists("go"):
            raise RuntimeError("not yet")

class Guarded(JobSettings):
    token: Secret

class Keyed(Job):
    settings: Guarded

    def run(self):
        if self.settings.token.get_secret_value() != "hunter2-hunter2":
            raise ValueError("wrong token")
        if not os.path.exists("go"):
            raise RuntimeError("not yet")

class Other(Job):
    def run(self):
        (self.artifacts_path / "other.txt").write_text("ran")
"""

SCRIPT = """
import os
import signal
from brevetti_hydra import Job

class First(Job):
    def run(self):
        for epoch in range(3):
            if not os.path.exists("go"):
                os.kill(os.getpid(), signal.SIGTERM)
            self.report_progress(epoch, loss=1.0)

class Second(Job):
    def run(self):
        (self.artifacts_path / "second.txt").write_text("ran")

if __name__ == "__main__":
    First.init().start()
    Second.init().start()
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project with jobs, a script, a package and a small dataset."""
    folder = tmp_path / "project"
    (folder / "pk").mkdir(parents=True)
    (folder / "pyproject.toml").write_text("", encoding="utf-8")
    (folder / "again_jobs.py").write_text(JOBS, encoding="utf-8")
    (folder / "script.py").write_text(SCRIPT, encoding="utf-8")
    (folder / "pk" / "__init__.py").write_text("", encoding="utf-8")
    (folder / "pk" / "train.py").write_text(SCRIPT, encoding="utf-8")
    for category in ("a", "b"):
        (folder / "images" / category).mkdir(parents=True)
        (folder / "images" / category / "1.png").write_bytes(b"\x89PNG")
    return folder


@pytest.fixture
def run(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that starts a program in the project, or in another folder."""

    def start(*words: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "BREVETTI_HYDRA_RUNS": str(project / "runs")}
        return subprocess.run(
            [sys.executable, *words],
            cwd=cwd or project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )

    return start


HARNESS = ("-m", "brevetti_hydra")


def facts(project: Path) -> list[str]:
    folder = find_run("last", project / "runs")
    return (folder.artifacts_dir / "facts.txt").read_text(encoding="utf-8").splitlines()


def info_file(project: Path) -> Path:
    path = project / "info.json"
    dataset = {"name": "sent", "id": "d1", "bucket": str(project / "images")}
    info = {"name": "sent job", "settings": {}, "datasets": [dataset], "tags": [{"name": "t1"}]}
    path.write_text(json.dumps(info), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    "words",
    [
        ["label=${hydra:job.name}", "job.datasets.d=images"],
        ["best=nan"],
        ["--info_file", "info.json"],
    ],
    ids=["interpolation and relative bucket", "nan", "info.json"],
)
def test_a_second_attempt_finds_what_the_first_had(
    words: list[str], run: Callable[..., Any], project: Path
) -> None:
    """Settings, datasets and tags are those of the record, from whatever folder it is resumed."""
    info_file(project)
    first = run(*HARNESS, "job=again_jobs:Again", *words)
    (project / "pk" / "go").write_text("", encoding="utf-8")
    (project / "go").write_text("", encoding="utf-8")

    second = run(*HARNESS, "resume", "last", cwd=project / "pk")

    assert [1, 0] == [first.returncode, second.returncode], first.stderr + second.stderr
    before, after = facts(project)
    assert before == after


def test_a_record_holds_the_default_that_was_used(run: Callable[..., Any], project: Path) -> None:
    """A default factory that draws is not drawn again for the snapshot."""
    run(*HARNESS, "job=again_jobs:Again")

    folder = find_run("last", project / "runs")
    recorded = json.loads(folder.record.read_text(encoding="utf-8"))["settings"]["drawn"]
    composed = json.loads(folder.snapshot.read_text(encoding="utf-8"))["config"]["drawn"]
    assert f"[{recorded}, inf" == facts(project)[0].partition(", 'x'")[0]
    assert recorded == composed


@pytest.mark.parametrize("words", [["script.py"], ["-m", "pk.train"]], ids=["file", "module"])
def test_a_script_is_resumed_as_it_was_started(
    words: list[str], run: Callable[..., Any], project: Path
) -> None:
    """Its stop is its exit code; then its own run goes on, and later jobs begin new runs."""
    first = run(*words)
    (project / "go").write_text("", encoding="utf-8")

    second = run(*HARNESS, "resume", "last")

    assert [128 + signal.SIGTERM, 0] == [first.returncode, second.returncode], second.stderr
    assert "Traceback" not in first.stderr
    found = {record.job.name: record for record in list_runs(project / "runs")}
    assert {"first": 2, "second": 1} == {name: len(r.attempts) for name, r in found.items()}


def test_a_record_cannot_name_a_script_elsewhere(
    run: Callable[..., Any], project: Path, tmp_path: Path
) -> None:
    """A foreign record's script is refused, and is not run."""
    run("script.py")
    folder = find_run("last", project / "runs")
    evil = tmp_path / "evil.py"
    evil.write_text(f"open({str(tmp_path / 'trace')!r}, 'w').write('ran')", encoding="utf-8")
    record = json.loads(folder.record.read_text(encoding="utf-8"))
    record["job"]["file"] = str(evil)
    folder.record.write_text(json.dumps(record), encoding="utf-8")

    answer = run(*HARNESS, "resume", str(folder.root))

    assert (2, False) == (answer.returncode, (tmp_path / "trace").exists())
    assert "error[target-refused]" in answer.stderr


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--job_id", "abc", "--api_key", "k1234567"], "platform-not-available"),
        (["--job_id", "abc"], "platform-not-available"),
        (["platform.job_id=abc"], "platform-not-available"),
    ],
)
def test_an_id_that_names_nothing_is_refused(
    words: list[str], code: str, run: Callable[..., Any], project: Path
) -> None:
    """The command line starts no new run in the name of another job."""
    answer = run(*HARNESS, "job=again_jobs:Again", *words)

    assert (2, []) == (answer.returncode, list_runs(project / "runs"))
    assert f"error[{code}]" in answer.stderr
    assert "k1234567" not in answer.stderr


def test_an_existing_run_takes_no_settings(run: Callable[..., Any], project: Path) -> None:
    """With the id of a run, settings and another class are mistakes, not ignored."""
    run(*HARNESS, "job=again_jobs:Again")
    run_id = find_run("last", project / "runs").short_id
    program = (
        "import sys; from again_jobs import Again, Other; from brevetti_hydra import "
        "BrevettiHydraError\n"
        f"for job, argv in ((Again, ['label=y']), (Other, [])):\n"
        "    try:\n"
        f"        job.init(job_id={run_id!r}, argv=argv)\n"
        "    except BrevettiHydraError as error:\n"
        "        print(error.code)\n"
        f"print(Again.init(job_id={run_id!r}, argv=[]).settings.label)\n"
    )

    answer = run("-c", program)

    assert ["usage", "usage", "x"] == answer.stdout.split(), answer.stderr


@pytest.mark.parametrize("token", ["hunter2-hunter2", "${oc.env:KEYED_TOKEN}"])
def test_a_secret_comes_back_or_is_asked_for(
    token: str, run: Callable[..., Any], project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the environment it is taken anew; a written one has to be given again, and nothing else."""
    monkeypatch.setenv("KEYED_TOKEN", "hunter2-hunter2")
    run(*HARNESS, "job=again_jobs:Keyed", f"token={token}")
    (project / "go").write_text("", encoding="utf-8")

    if "oc.env" not in token:
        without = run(*HARNESS, "resume", "last")
        assert (2, True) == (without.returncode, "does not hold 'token'" in without.stderr)
        wrong = run(*HARNESS, "resume", "last", "run.seed=3")
        assert (2, True) == (wrong.returncode, "error[usage]" in wrong.stderr)
    again = [] if "oc.env" in token else [f"token={token}"]
    resumed = run(*HARNESS, "resume", "last", *again)

    assert 0 == resumed.returncode, resumed.stderr
    left = [path for path in (project / "runs").rglob("*") if path.is_file()]
    assert not [path for path in left if b"hunter2" in path.read_bytes()]
