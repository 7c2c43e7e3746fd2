"""Every setting, command, exit code, public name and stored field is documented."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import brevetti_hydra
from brevetti_hydra.cli.commands import COMMANDS
from brevetti_hydra.cli.sweep_documents import GroupFields, SpreadFields, SweepResult, TrialFields
from brevetti_hydra.record import (
    ArtifactRef,
    Attempt,
    DatasetRef,
    Failure,
    JobRef,
    RunRecord,
    RunState,
    Snapshot,
    SourceFile,
    TrialRef,
)
from brevetti_hydra.run.folders import RunFolder
from brevetti_hydra.settings import (
    CONTAINER_ARGUMENTS,
    DatasetNode,
    JobNode,
    PlatformNode,
    RunNode,
)
from brevetti_hydra.sweep.code import CodeRecord
from brevetti_hydra.sweep.folders import SweepFolder
from brevetti_hydra.sweep.record import (
    Frozen,
    LinePart,
    Objective,
    PlannedTrial,
    SourceText,
    Stem,
    SweepRecord,
)
from brevetti_hydra.sweep.search.space import Condition, SpaceAxis

if TYPE_CHECKING:
    from pydantic import BaseModel

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
RECORD = (REPOSITORY / "docs" / "record.md").read_text(encoding="utf-8")
SWEEP = (REPOSITORY / "docs" / "sweep.md").read_text(encoding="utf-8")
NODES: dict[str, type[BaseModel]] = {"job": JobNode, "platform": PlatformNode, "run": RunNode}
STORED: list[type[BaseModel]] = [
    RunRecord,
    Attempt,
    Failure,
    JobRef,
    ArtifactRef,
    Snapshot,
    SourceFile,
    DatasetRef,
    TrialRef,
]
STORED_OF_SWEEPS: list[type[Any]] = [
    SweepRecord,
    Objective,
    PlannedTrial,
    Frozen,
    SourceText,
    CodeRecord,
    SpaceAxis,
    Condition,
    LinePart,
    Stem,
    SweepResult,
    TrialFields,
    GroupFields,
    SpreadFields,
]


def keys(model: type[Any]) -> list[str]:
    if issubclass(model, tuple):
        return list(model._fields)  # type: ignore[attr-defined]  # a NamedTuple has them
    return [field.alias or name for name, field in model.model_fields.items()]


@pytest.mark.parametrize("node", sorted(NODES))
def test_every_reserved_setting_is_documented(node: str) -> None:
    """Each key of a reserved node stands in the README's table."""
    assert [] == [key for key in keys(NODES[node]) if f"`{node}.{key}`" not in README]


def test_every_key_of_a_dataset_is_documented() -> None:
    """Each key of a dataset stands in the README."""
    assert [] == [key for key in keys(DatasetNode) if f"`{key}`" not in README]


def test_every_command_is_shown() -> None:
    """Each command is shown in a console block of the README."""
    lines = re.findall(r"^\$ brevetti-hydra (.*)", README, re.MULTILINE)
    shown = {name for name in COMMANDS if any(f"{line} ".startswith(f"{name} ") for line in lines)}

    assert set() == set(COMMANDS) - shown


def test_every_container_argument_is_documented() -> None:
    """Each argument by which a platform starts a container stands in the README."""
    assert [] == [name for name in sorted(CONTAINER_ARGUMENTS) if f"`--{name}" not in README]


def test_every_public_name_is_documented() -> None:
    """Each name that `brevetti_hydra` exports stands in the README."""
    assert [] == [name for name in brevetti_hydra.__all__ if f"`{name}" not in README]


def test_every_public_name_can_be_imported() -> None:
    """The names in `__all__` are there, and `dir` names them."""
    assert [] == [name for name in brevetti_hydra.__all__ if not hasattr(brevetti_hydra, name)]
    assert sorted(brevetti_hydra.__all__) == sorted(dir(brevetti_hydra))


def test_every_state_is_documented() -> None:
    """Each state of a run stands in docs/record.md."""
    assert [] == [state for state in RunState if f"`{state}`" not in RECORD]


@pytest.mark.parametrize("model", [*STORED, *STORED_OF_SWEEPS], ids=lambda model: model.__name__)
def test_every_stored_field_is_documented(model: type[Any]) -> None:
    """Each field of what a run or a sweep leaves stands in docs, in the section of its model."""
    text = RECORD if model in STORED else SWEEP
    match = re.search(
        rf"^##+ [^\n]*`{model.__name__}`\n(.*?)(?=^##|\Z)", text, re.DOTALL | re.MULTILINE
    )
    assert match is not None
    table = re.findall(r"^\| `([a-z0-9_]+)` \|", match[1], re.MULTILINE)

    assert keys(model) == table


def test_every_file_of_a_run_is_documented() -> None:
    """Each file and folder of a run stands in the README's layout."""
    folder = RunFolder(Path("run"))
    names = {
        path.relative_to(folder.root).as_posix()
        for name, member in vars(RunFolder).items()
        if isinstance(member, property)
        if isinstance(path := getattr(folder, name), Path) and path.is_relative_to(folder.root)
    }

    assert [] == [name for name in sorted(names) if f"`{name}`" not in README.replace("/`", "`")]


def test_every_file_of_a_sweep_is_documented() -> None:
    """Each file and folder of a sweep stands in the README's layout, or in docs/sweep.md."""
    folder = SweepFolder(Path("sweep"))
    names = {
        path.name
        for name, member in vars(SweepFolder).items()
        if isinstance(member, property)
        if isinstance(path := getattr(folder, name), Path) and path.parent == folder.root
    }
    told = {each.rpartition("/")[2] for each in re.findall(r"`([^`\n]+)`", README + SWEEP)}

    assert set() == names - told


def test_every_exit_code_is_documented() -> None:
    """The README's table of exit codes has those that the errors and the signals lead to."""
    table = re.findall(r"^\| (\d+) \|", README, re.MULTILINE)

    assert ["0", "1", "2", "130", "143"] == table


def test_docstrings_of_job_tell_a_newcomer_all() -> None:
    """`help(Job)` describes each public member."""
    members = [name for name in vars(brevetti_hydra.Job) if not name.startswith("_")]

    silent = [
        name
        for name in members
        if name not in {"settings", "objective"}
        if not (getattr(brevetti_hydra.Job, name).__doc__ or "").strip()
    ]

    assert [] == silent


def test_the_changelog_has_this_version() -> None:
    """CHANGELOG.md has a section for the version, in the five kinds of change only."""
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    kinds = set(re.findall(r"^### (.*)$", text, re.MULTILINE))

    assert f"## {brevetti_hydra.__version__}" in text
    assert set() == kinds - {"Removed", "Deprecated", "Added", "Changed", "Fixed"}


def test_decisions_are_numbered_and_whole() -> None:
    """Each decision in DESIGN.md has its number, a choice, a reason and a price."""
    text = (REPOSITORY / "DESIGN.md").read_text(encoding="utf-8")
    decisions = re.split(r"^### ", text, flags=re.MULTILINE)[1:]
    numbers = [int(decision.partition(".")[0]) for decision in decisions]
    parts = ("**Choice.**", "**Reason.**", "**Price.**")

    assert list(range(1, len(decisions) + 1)) == numbers
    assert [] == [text[:40] for text in decisions if not all(part in text for part in parts)]
