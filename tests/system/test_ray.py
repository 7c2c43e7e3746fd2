"""A sweep by Hydra's released launcher for ray, in an environment of its own.

ray listens on all interfaces, and writes a token into the home folder. So it is run in a network of
its own, which has loopback and nothing else, with a home of its own.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
JOB = """
import os
from brevetti_hydra import Job, JobSettings


class Settings(JobSettings):
    size: int = 1


class Work(Job):
    settings: Settings

    def run(self):
        self.artifact_path("place.txt").write_text(f"{os.getcwd()} {os.getppid()}")
        self.add_output_metric("size", self.settings.size)
        if self.settings.size == 3:
            raise RuntimeError("as it was told")
"""
LOOPBACK = (
    "hydra.launcher.ray.init={address: local, include_dashboard: false,"
    " _node_ip_address: 127.0.0.1, num_cpus: 2}"
)


@pytest.fixture(scope="module", params=["1.3", "1.4"])
def python(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with ray, its launcher and one line of Hydra."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    wanted = {
        "1.3": ["hydra-core>=1.3.8,<1.4.dev0", "hydra-ray-launcher<1.4.dev0"],
        "1.4": ["hydra-core>=1.4.0rc1", "omegaconf>=2.4.1rc1", "hydra-ray-launcher>=1.4.0rc1"],
    }
    install = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet"]
    subprocess.run([*install, str(REPOSITORY), *wanted[str(request.param)]], check=True)
    return folder / "bin" / "python"


def test_ray_runs_the_trials(python: Path, tmp_path: Path) -> None:
    """Each trial is a whole run in the folder of the start; nothing of ray is left running."""
    if shutil.which("unshare") is None:
        pytest.skip("no unshare")
    project, home = tmp_path / "project", tmp_path / "home"
    for folder in (project / "conf", home):
        folder.mkdir(parents=True)
    (project / "work.py").write_text(JOB)
    line = ["-m", "job=work:Work", "size=1,2,3", "hydra/launcher=ray", LOOPBACK]
    # Names of sockets have 107 characters at most, and ray puts its own below this folder.
    sockets = tempfile.mkdtemp(prefix="ray", dir="/tmp")
    answer = subprocess.run(
        [
            *("unshare", "--net", "--pid", "--fork", "--mount-proc"),
            *("sh", "-c", 'ip link set lo up && exec "$0" "$@"'),
            *(str(python), "-m", "brevetti_hydra", *line),
        ],
        cwd=project,
        env=os.environ | {"HOME": str(home), "RAY_TMPDIR": sockets, "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    shutil.rmtree(sockets)

    assert 1 == answer.returncode, answer.stderr
    records = [json.loads(path.read_bytes()) for path in project.glob("runs/*/*/record.json")]
    found = sorted((each["trial"]["number"], each["state"], each["metrics"]) for each in records)
    assert [
        (0, "completed", {"size": 1.0}),
        (1, "completed", {"size": 2.0}),
        (2, "failed", {"size": 3.0}),
    ] == found
    places = [path.read_text() for path in project.glob("runs/*/*/storage/artifacts/place.txt")]
    assert {str(project)} == {place.split()[0] for place in places}
    assert {"conf", "work.py", "runs"} == {path.name for path in project.iterdir()} - {
        "__pycache__"
    }
