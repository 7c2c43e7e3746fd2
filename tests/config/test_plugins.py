"""Hydra plugins: found, named, and skipped where they are broken."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from pathlib import Path

LAUNCHER = """
from hydra.plugins.launcher import Launcher
class GoodLauncher(Launcher):
    def setup(self, **kwargs): pass
    def launch(self, job_overrides, initial_job_idx): return []
class Half(Launcher):
    pass
"""
BROKEN = {
    "raises": "raise RuntimeError('not with this version\\nof anything')",
    "exits": "import sys; sys.exit('gone')",
    "lacks": "import a_module_that_nobody_has",
    "torn": "def (",
}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """An environment with a good plugin beside broken ones."""
    plugins = tmp_path / "site" / "hydra_plugins"
    files = {"good/launcher.py": LAUNCHER, "good/_private.py": "raise RuntimeError"} | {
        f"{name}/__init__.py": text for name, text in BROKEN.items()
    }
    for name, text in files.items():
        path = plugins / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (plugins / "good" / "__init__.py").write_text("print('a plugin prints')")
    metadata = tmp_path / "site" / "plugin-1.dist-info"
    metadata.mkdir()
    (metadata / "METADATA").write_text("Metadata-Version: 2.1\nName: plugin\nVersion: 1\n")
    (metadata / "entry_points.txt").write_text(
        "[hydra.plugins]\n"
        "good = hydra_plugins.good.launcher:GoodLauncher\n"
        "no_plugin = json:loads\n"
        "nowhere = nothing_at_all:Launcher\n"
    )
    path_list = [str(tmp_path / "site"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, path_list))}


def run(environment: dict[str, str], folder: Path, *words: str) -> Any:
    answer = subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env=environment,
    )
    assert (0, False) == (answer.returncode, "Traceback" in answer.stderr)
    return answer.stdout


def test_broken_plugins_are_named_and_skipped(environment: dict[str, str], tmp_path: Path) -> None:
    """Each plugin that cannot be imported stands in the list with its reason, the good one too."""
    code = (
        "import json\n"
        "from brevetti_hydra.config.plugins import find_plugins\n"
        "print(json.dumps(find_plugins()))"
    )

    found = json.loads(run(environment, tmp_path, "-c", code).splitlines()[-1])

    expected: list[Any] = [
        ["hydra_plugins.exits", "", "SystemExit: gone"],
        ["hydra_plugins.good.launcher:GoodLauncher", "launcher", None],
        [
            "hydra_plugins.lacks",
            "",
            "ModuleNotFoundError: No module named 'a_module_that_nobody_has'",
        ],
        ["hydra_plugins.raises", "", "RuntimeError: not with this version"],
        ["hydra_plugins.torn", "", "SyntaxError: invalid syntax (__init__.py, line 1)"],
        ["no_plugin = json:loads", "", "it is no Hydra plugin"],
        [
            "nowhere = nothing_at_all:Launcher",
            "",
            "ModuleNotFoundError: No module named 'nothing_at_all'",
        ],
    ]
    # The wording of a syntax error is Python's.
    # Released launchers may be installed here as well.
    own = [row for row in found if not row[0].startswith("hydra_plugins.hydra_")]
    assert [row for row in expected if "torn" not in row[0]] == [
        row for row in own if "torn" not in row[0]
    ]
    assert "SyntaxError" in next(row[2] for row in found if "torn" in row[0])


def test_a_run_does_not_notice_broken_plugins(environment: dict[str, str], tmp_path: Path) -> None:
    """A job runs in an environment whose plugins would end every program of Hydra's own."""
    answer = run(environment, tmp_path, "-m", "brevetti_hydra", "job=hello", "epochs=1", "--json")

    assert "completed" == json.loads(answer)["result"]["run"]["state"]
