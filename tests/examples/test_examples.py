"""The examples run as their texts say, each in a folder of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import nbformat
import pytest
from nbclient import NotebookClient

if TYPE_CHECKING:
    from pathlib import Path


def run_python(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, arguments)],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
    )


def records(folder: Path) -> list[dict[str, Any]]:
    paths = folder.glob("runs/*/record.json")
    return sorted((json.loads(path.read_bytes()) for path in paths), key=lambda r: r["created"])


@pytest.fixture
def project(repository: Path, tmp_path: Path) -> Path:
    """Copy the user's project to another place, where it has fewer images."""
    folder = tmp_path / "project"
    ignored = shutil.ignore_patterns("images", "runs", "__pycache__")
    shutil.copytree(repository / "examples" / "image_classifier", folder, ignore=ignored)
    drawn = run_python(folder, "-m", "vials.draw", "--count", "24")
    assert (0, "96 images in images\n") == (drawn.returncode, drawn.stdout)
    return folder


@pytest.mark.parametrize(
    ("arguments", "greeting"),
    [((), "hello"), (("--greeting", "hi"), "hi"), (("greeting=a=b",), "a=b")],
)
def test_hello_runs(
    repository: Path, tmp_path: Path, arguments: tuple[str, ...], greeting: str
) -> None:
    """The hello job runs with and without arguments, and keeps its greeting."""
    result = run_python(tmp_path, repository / "examples" / "hello_job.py", *arguments)

    assert 0 == result.returncode, result.stderr
    [said] = tmp_path.glob("runs/*/storage/artifacts/greeting.txt")
    assert greeting == said.read_text(encoding="utf-8")
    assert ["completed"] == [record["state"] for record in records(tmp_path)]


def test_hello_is_twenty_lines(repository: Path) -> None:
    """The first example fits on a slide."""
    text = (repository / "examples" / "hello_job.py").read_text(encoding="utf-8")

    assert 20 == len(text.splitlines())


def test_a_users_project_trains(project: Path) -> None:
    """The project's own job, dataset and experiment are found, and its setting is used."""
    result = run_python(
        project, "-m", "brevetti_hydra", "job=vials", "experiment=quick", "crop.sides=0.2"
    )

    assert 0 == result.returncode, result.stderr
    [record] = records(project)
    assert ("completed", "vials.train:VialClassifier", 0.2, 24) == (
        record["state"],
        record["job"]["target"],
        record["settings"]["crop"]["sides"],
        record["settings"]["image"]["size_px"],
    )
    assert record["metrics"]["accuracy"] > 0.6


def test_a_class_mapping_merges_categories(project: Path) -> None:
    """With the other dataset file there are two categories."""
    result = run_python(
        project, "-m", "brevetti_hydra", "job=vials", "dataset=pass_fail", "epochs=1"
    )

    assert 0 == result.returncode, result.stderr
    [matrix] = project.glob("runs/*/storage/artifacts/charts/confusion_matrix.json")
    cells = json.loads(matrix.read_bytes())["data"]["values"]
    assert {"bad", "good"} == {cell["true"] for cell in cells}


def test_the_projects_help_shows_its_settings(project: Path) -> None:
    """The help of the user's job names the settings that the user added."""
    result = run_python(project, "-m", "brevetti_hydra", "job=vials", "--help")

    assert (0, True, True) == (
        result.returncode,
        "crop.sides" in result.stdout,
        "model.hidden" in result.stdout,
    )


def test_the_notebook_runs_in_a_kernel(
    repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The example notebook runs from top to bottom in a real kernel, and trains there."""
    for name in ("IPYTHONDIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"):
        (tmp_path / name).mkdir()
        monkeypatch.setenv(name, str(tmp_path / name))
    path = repository / "examples" / "notebooks" / "first_job.ipynb"
    notebook = nbformat.read(path, as_version=4)  # type: ignore[no-untyped-call] # it has no types
    work = tmp_path / "work"
    work.mkdir()

    NotebookClient(
        notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(work)}}
    ).execute()

    [record] = records(work)
    assert ("completed", 37) == (record["state"], record["settings"]["my_custom_int_setting"])
    printed = json.dumps(notebook.cells)
    assert ("unknown-setting" in printed, "invalid-setting" in printed) == (True, True)


def test_the_notebook_is_kept_clean(repository: Path) -> None:
    """The notebook in the repository holds no output, and no trace of a machine."""
    path = repository / "examples" / "notebooks" / "first_job.ipynb"
    cells = json.loads(path.read_bytes())["cells"]
    code = [cell for cell in cells if cell["cell_type"] == "code"]

    assert [([], None)] * len(code) == [(c["outputs"], c["execution_count"]) for c in code]
    assert os.fspath(repository) not in path.read_text(encoding="utf-8")
