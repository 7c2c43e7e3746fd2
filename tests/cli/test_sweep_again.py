"""The line that a sweep offers for a trial runs that trial again, however the sweep was started."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[..., Any]

FILES = {
    "pyproject.toml": "",
    "again_job.py": """
import os
from brevetti_hydra import Job, JobSettings, Secret

class Settings(JobSettings):
    lr: float = 0.1
    n: int = 1
    label: str = ""
    shuffle: bool = False
    token: Secret = Secret("")

class Again(Job):
    settings: Settings
    objective = "loss"

    def run(self):
        print(os.environ.get("BREVETTI_API_KEY"), self.settings.token.get_secret_value())
        self.add_output_metric("loss", self.settings.lr * self.settings.n)
""",
    "elsewhere/main.yaml": "defaults: [job: again, _self_]\nn: 7\n",
    "elsewhere/job/again.yaml": "# @package _global_\njob: {_target_: again_job:Again}\n",
    "info.json": json.dumps({"id": "4711", "name": "a job", "settings": {"label": "sent"}}),
}
LINES = {
    "config": ["--config-dir", "elsewhere", "-cn", "main", "lr=2,1"],
    "container": ["job=again_job:Again", "lr=2,1", "--info_file", "info.json", "--cache_path=c"],
    "key": ["--api_key", "hunter2-key", "job=again_job:Again", "lr=2,1"],
    "literals": ["job=again_job:Again", "--label", "a b", "--n=3", "--shuffle", "-m", "lr=2,1"],
    "words": ["job=again_job:Again", "n", "=", "2", "run.note=it's", "lr=2,1", "sweep.repeat=2"],
    "search": [
        *("job=again_job:Again", "lr=interval(0,1)", "--label", "a b"),
        *("search=random", "search.trials=2"),
    ],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in a project whose configuration lies in an unusual place."""
    for name, text in FILES.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(sys.modules, "again_job", raising=False)
    monkeypatch.setattr(sys, "argv", ["brevetti-hydra"])
    return tmp_path


def again_of(text: str) -> list[str]:
    """Find the line that the summary offers."""
    (line,) = (each for each in text.splitlines() if each.startswith("  best again"))
    return shlex.split(line)[2:]


def record_of(folder: Path) -> dict[str, Any]:
    """Read what matters of a run."""
    record = json.loads((folder / "record.json").read_bytes())
    return {name: record[name] for name in ("settings", "metrics", "overrides", "seed", "command")}


@pytest.mark.parametrize("name", LINES)
def test_the_best_trial_again(folder: Path, call: Call, name: str) -> None:
    """Its settings, results and line come out the same."""
    swept = call("-m", *LINES[name])
    words = again_of(swept.out)
    best = call("sweep", "summary", "last", "--json").document["result"]["trials"][0]

    again = call(*words[1:])

    (run,) = (path.parent for path in folder.glob("runs/*/record.json"))
    assert (0, 0, "brevetti-hydra") == (swept.code, again.code, words[0])
    assert record_of(Path(best["folder"])) == record_of(run)
    assert words == record_of(run)["command"]


def test_the_program_is_the_one_that_ran(folder: Path) -> None:
    """Who starts it as a module gets a line that does so too."""
    del folder
    command = [sys.executable, "-m", "brevetti_hydra", "-m", "job=again_job:Again", "lr=1,2"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)

    words = again_of(done.stdout)

    expected = [Path(sys.executable).name, "-m", "brevetti_hydra", "job=again_job:Again", "lr=1"]
    assert expected == words


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (["--job_dir", "mine"], "usage"),
        (["--debug"], "usage"),
        (["--job_id", "4711"], "platform-not-available"),
    ],
)
def test_what_trials_cannot_share_is_refused(
    folder: Path, call: Call, words: list[str], code: str
) -> None:
    """Nothing runs in one storage space, or for a job that nothing describes."""
    answer = call("-m", "job=again_job:Again", "lr=1,2", *words, "--json")

    assert (2, [code]) == (answer.code, [each["code"] for each in answer.document["errors"]])
    assert not (folder / "runs").exists()


def test_trials_print_no_secrets(folder: Path, call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    """What the environment holds is masked in a trial's log as in that of a single run."""
    monkeypatch.setenv("BREVETTI_API_KEY", "hunter2-key")
    monkeypatch.setenv("TOKEN", "hunter2-token")
    line = ["job=again_job:Again", "token=${oc.env:TOKEN}"]

    call(*line)
    call("-m", *line, "lr=1,2")

    logs = [path.read_bytes() for path in folder.rglob("run.log")]
    assert [b"********** **********\n"] * 3 == logs
    files = [path.read_bytes() for path in folder.glob("runs/**/*") if path.is_file()]
    assert b"hunter2" not in b"".join(files)
    assert "hunter2-token" == os.environ["TOKEN"]
