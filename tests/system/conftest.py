"""What the system tests share: fresh clones, empty environments, a browser."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]


class Ended(NamedTuple):
    """A command that ended."""

    code: int
    stdout: str
    stderr: str


class Workplace:
    """An empty environment in a folder of its own, outside of the checkout."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.python = folder / "environment" / "bin" / "python"

    def run(self, *command: str | Path, cwd: Path | None = None) -> Ended:
        """Run a command without this process's Python environment."""
        inherited = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR")
        environment = {name: os.environ[name] for name in inherited if name in os.environ}
        # How registries are reached is the machine's own matter.
        environment |= {
            name: value
            for name, value in os.environ.items()
            if name.startswith("PIP_") or name.lower().endswith("_proxy") or "CERT" in name
        }
        result = subprocess.run(
            [str(part) for part in command],
            cwd=cwd or self.folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        return Ended(result.returncode, result.stdout, result.stderr)

    def must(self, *command: str | Path, cwd: Path | None = None) -> str:
        """Run a command that has to succeed, and give what it printed."""
        ended = self.run(*command, cwd=cwd)
        if ended.code:
            pytest.fail(f"{command} ended with {ended.code}:\n{ended.stdout}\n{ended.stderr}")
        return ended.stdout


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel from what the checkout holds."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder],
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
    )
    [path] = folder.glob("*.whl")
    return path


@pytest.fixture(scope="session")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Install the wheel with its `examples` extra in an empty environment."""
    workplace = Workplace(tmp_path_factory.mktemp("workplace"))
    subprocess.run([sys.executable, "-m", "venv", workplace.folder / "environment"], check=True)
    workplace.must(workplace.python, "-m", "pip", "install", "-q", f"{wheel}[examples]")
    return workplace


@pytest.fixture(scope="session")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Workplace:
    """Install the wheel alone, without any extra."""
    workplace = Workplace(tmp_path_factory.mktemp("bare"))
    subprocess.run([sys.executable, "-m", "venv", workplace.folder / "environment"], check=True)
    workplace.must(workplace.python, "-m", "pip", "install", "-q", wheel)
    return workplace


@pytest.fixture(scope="session")
def chromium() -> str:
    """Give the browser; without one, the test is skipped (and `.ci/run` fails)."""
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("no chromium; apt-get install chromium")
    return found
