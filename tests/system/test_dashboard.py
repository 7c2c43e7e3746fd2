"""Optuna's dashboard, as it is released, on the journal of a search."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
from brevetti_hydra import Job, JobSettings


class Settings(JobSettings):
    x: float = 1.0


class Hill(Job):
    settings: Settings
    objective = "height"

    def run(self):
        self.add_output_metric("height", self.settings.x**2)
"""


def test_the_dashboard_shows_a_search(tmp_path: Path) -> None:
    """`optuna-dashboard optuna.log` serves the study with all its trials and their values."""
    environment = tmp_path / "environment"
    subprocess.run([sys.executable, "-m", "venv", environment], check=True)
    subprocess.run(
        [environment / "bin" / "python", "-m", "pip", "install", "-q", "optuna-dashboard"],
        check=True,
    )
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "hill.py").write_text(JOB, encoding="utf-8")
    line = ("-m", "job=hill:Hill", "search=optuna", "search.trials=4", "x=interval(-1,1)")
    subprocess.run([sys.executable, "-m", "brevetti_hydra", *line], cwd=tmp_path, check=True)
    (journal,) = tmp_path.glob("runs/sweep-*/optuna.log")

    study = _ask_dashboard(environment, journal, "/api/studies/0")

    assert journal.parent.name == study["name"]
    assert ["Complete"] * 4 == [trial["state"] for trial in study["trials"]]
    assert ["x"] * 4 == [trial["params"][0]["name"] for trial in study["trials"]]


def _ask_dashboard(environment: Path, journal: Path, path: str) -> dict[str, Any]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    program = str(environment / "bin" / "optuna-dashboard")
    server = subprocess.Popen([program, "--host", "127.0.0.1", "--port", str(port), str(journal)])
    try:
        for _ in range(600):
            with suppress(OSError), urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as got:
                found: dict[str, Any] = json.load(got)
                return found
            time.sleep(0.1)
    finally:
        server.kill()
        server.wait()
    raise TimeoutError(path)
