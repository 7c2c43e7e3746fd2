"""Configurations and records of every released version are read for ever.

`0.1.0` holds a project and its runs as that version of the harness wrote them. `versions` holds one
project at three versions of its own configuration: files, a command line, and a run of each.
A new release adds a folder; none is ever changed.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra import Job
from brevetti_hydra.config import compose, find_project, read_argv, validate
from brevetti_hydra.config.recorded import compose_recorded
from brevetti_hydra.config.safety.targets import load_target
from brevetti_hydra.errors import BrevettiHydraError
from brevetti_hydra.opening import reopen_run
from brevetti_hydra.run.history import find_run, read_record, read_snapshot

if TYPE_CHECKING:
    from brevetti_hydra.config import Composition
    from brevetti_hydra.run.folders import RunFolder

CORPUS = Path(__file__).resolve().parents[2] / "golden" / "configs"
RELEASES = sorted(each.name for each in CORPUS.iterdir() if each.name != "versions")
RUNS = [(each, run.name) for each in RELEASES for run in sorted((CORPUS / each / "runs").iterdir())]
VERSIONS = ("1", "2", "3")


def laid_out(project: Any, *folders: Path) -> Path:
    """Copy folders of the corpus into an empty project; give its folder."""
    folder: Path = project.folder
    (folder / "conf").rmdir()
    for each in folders:
        shutil.copytree(each, folder, dirs_exist_ok=True)
    return folder


def recorded_run(source: Path, folder: Path) -> RunFolder:
    """Lay a recorded run out as a run folder."""
    name = json.loads((source / "record.json").read_text(encoding="utf-8"))["folder"]
    path = folder / "runs" / name
    shutil.copytree(source, path)
    (path / "storage" / "artifacts").mkdir(parents=True)
    return find_run(str(path), folder / "runs")


def composed(folder: Path, words: list[str]) -> Composition:
    return compose(read_argv(words), folder=folder, base=Job)


@pytest.mark.parametrize(("release", "number"), RUNS)
def test_a_released_configuration_composes_as_it_did(
    release: str, number: str, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The files and the command line of a release give the settings that it recorded."""
    folder = laid_out(project, CORPUS / release / "project")
    monkeypatch.chdir(folder)
    record = read_record(recorded_run(CORPUS / release / "runs" / number, folder))
    # The words behind `python -m brevetti_hydra`.
    words = [each.replace("**********", "hunter2") for each in record.command[3:]]

    found = validate(composed(folder, words))

    assert dict(record.settings) == found.settings_json


@pytest.mark.parametrize(("release", "number"), RUNS)
def test_a_released_record_is_read(
    release: str, number: str, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record of a release is read, and its tree is valid as it was."""
    folder = laid_out(project, CORPUS / release / "project")
    monkeypatch.chdir(folder)
    run = recorded_run(CORPUS / release / "runs" / number, folder)
    record, snapshot = read_record(run), read_snapshot(run)
    job_class = load_target(record.job.target, find_project(folder), Job)

    composition = compose_recorded(snapshot, job_class, record.job.target, folder, is_to_run=False)

    assert {} == snapshot.config_version
    assert dict(record.settings) == validate(composition).settings_json


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_project_runs_under_the_newest_version(version: str, project: Any) -> None:
    """Files of an older version with their old command line give what the newest ones do."""
    folder = laid_out(project, CORPUS / "versions" / "3")
    newest = validate(composed(folder, words_of("3"))).settings_json
    shutil.rmtree(folder / "conf")
    shutil.copytree(CORPUS / "versions" / version / "conf", folder / "conf")

    composition = composed(folder, words_of(version))

    assert newest == {
        **validate(composition).settings_json,
        # 0.9 comes from the file of this version, and reads alike.
        "note": "at 0.002 with 0.9",
    }
    assert "trainer.train:Trainer" == composition.target
    assert {"project": 3, "harness": 1} == composition.versions


@pytest.mark.parametrize("version", VERSIONS)
def test_an_old_project_is_written_as_the_newest(version: str, project: Any) -> None:
    """What `config migrate` makes of files of an older version are the files of the newest."""
    from brevetti_hydra.config.files.config_files import find_files
    from brevetti_hydra.config.migration.migrated_files import migrate_files, write_files
    from brevetti_hydra.config.migration.versions import load_tables
    from brevetti_hydra.config.tree.budget import Budget

    folder = laid_out(project, CORPUS / "versions" / "3")
    shutil.rmtree(folder / "conf")
    shutil.copytree(CORPUS / "versions" / version / "conf", folder / "conf")
    found = find_project(folder)
    files = find_files([], found, folder)

    target = "trainer.train:Trainer"
    migrated = migrate_files(files, load_tables(found), Budget(), target=target)
    write_files(migrated)

    assert [()] * 2 == [each.problems for each in migrated]
    assert read_tree(CORPUS / "versions" / "3" / "conf") == read_tree(folder / "conf")


@pytest.mark.parametrize("version", VERSIONS)
def test_a_record_of_an_old_version_opens_under_the_newest(
    version: str, project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that was recorded at an older version is opened with the settings of the newest."""
    folder = laid_out(project, CORPUS / "versions" / "3")
    monkeypatch.chdir(folder)
    run = recorded_run(CORPUS / "versions" / version / "run", folder)

    job = reopen_run(run, folder=folder)

    expected = {
        "optim": {"lr": 0.002, "momentum": 0.9},
        "timeout_s": 1800,
        "mode": "careful",
        "width": 16,
        "height": 16,
        "note": "at 0.002 with 0.9",
    }
    assert expected == job.settings.model_dump()
    assert {"project": int(version), "harness": 1} == read_snapshot(run).config_version


def test_a_record_of_a_newer_version_is_refused(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A record that is newer than the project knows is not guessed at."""
    folder = laid_out(project, CORPUS / "versions" / "3")
    monkeypatch.chdir(folder)
    source = json.loads((CORPUS / "versions" / "3" / "run" / "snapshot.json").read_text())
    source["config_version"] = {"project": 4, "harness": 1}
    run = recorded_run(CORPUS / "versions" / "3" / "run", folder)
    run.snapshot.write_text(json.dumps(source))

    with pytest.raises(BrevettiHydraError) as caught:
        reopen_run(run, folder=folder)

    assert "newer-config" in str(caught.value)


def words_of(version: str) -> list[str]:
    """Give the command line that a version's run was started with."""
    return (
        (CORPUS / "versions" / version / "command.txt").read_text(encoding="utf-8").split("\n")[:-1]
    )


def read_tree(folder: Path) -> dict[str, Any]:
    """Read all YAML of a folder as plain values."""
    import yaml

    return {
        path.relative_to(folder).as_posix(): normal(yaml.safe_load(path.read_text()))
        for path in sorted(folder.rglob("*.yaml"))
    }


def normal(tree: dict[str, Any]) -> dict[str, Any]:
    """Leave out the number, which a file may leave to the primary config."""
    return {key: value for key, value in tree.items() if key != "config_version"}
