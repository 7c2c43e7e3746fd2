"""Commands, flags, runs: what is offered at each place of a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from brevetti_hydra.cli.commands import COMMANDS
from brevetti_hydra.completion import commands
from brevetti_hydra.config import read_argv
from brevetti_hydra.config.command_line import overrides
from brevetti_hydra.run.folders import RunFolder, new_run_id, short_id_of
from brevetti_hydra.sweep.folders import SweepFolder, trial_name

if TYPE_CHECKING:
    from tests.completion.conftest import Project


def test_a_line_begins_with_a_command_or_a_run(project: Project) -> None:
    """First come all commands, then groups and reserved nodes."""
    offered = project.offered("")

    assert [*dict.fromkeys(name.partition(" ")[0] for name in COMMANDS)] == offered[:-13]
    assert offered[-13:] == [
        *("dataset=", "experiment=", "job=", "launcher=", "platform=", "search="),
        *("job.", "platform.", "run.", "sweep.", "search.", "launcher.", "hydra."),
    ]


@pytest.mark.parametrize("name", [name for name in COMMANDS if " " in name] or ["runs"])
def test_second_words(project: Project, name: str) -> None:
    """The second word of a command of two is offered behind the first."""
    first, _, second = name.rpartition(" ")

    assert second in project.offered(*([first] if first else []), "")


def test_what_is_migrated_is_yaml(project: Project) -> None:
    """Of files a command on configuration is offered YAML alone."""
    project.write({"a.json": "{}", "a.yaml": "", "pyproject.toml": ""})

    offered = project.offered("config", "migrate", "")

    assert "a.yaml" in offered
    assert all(each.endswith((".yaml", "/")) for each in offered)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["sh"], ["show"]),
        (["--json", "sh"], ["show"]),
        (["completion", ""], ["bash", "zsh", "fish"]),
        (["completion", "z"], ["zsh"]),
        (["completion", "bash", ""], []),
        (["logs", "--f"], ["--follow"]),
        (["runs", "--li"], ["--limit"]),
        (["runs", "--limit", ""], []),
        (["runs", ""], []),
        (["--cfg", ""], ["job", "hydra", "all"]),
        (["--cfg=h"], ["--cfg=hydra"]),
        (["-c", "j"], ["job"]),
        (["--info", "defaults"], ["defaults", "defaults-tree"]),
        (["--json=l"], ["--json=lines"]),
        (["-cn", ""], ["brevetti"]),
        (["--res"], ["--resolve"]),
        (["explain", "--debu"], []),
        (["explain", "--job_"], []),
        (["explain", "--allow"], ["--allow-lossy"]),
        (["--job_i"], ["--job_id"]),
        (["--job_id", ""], []),
        (["--api_key", ""], []),
        (["-cd", ""], ["conf/"]),
        (["--config-dir=co"], ["--config-dir=conf/"]),
        (["--info_file", "t"], ["train.py"]),
        (["-p", "run.se"], ["run.seed"]),
    ],
)
def test_commands_and_flags(project: Project, words: list[str], expected: list[str]) -> None:
    """Options, flags and their values are offered where they may stand."""
    assert expected == project.offered(*words)


@pytest.mark.parametrize("command", ["show", "logs", "resume", "tag", "note", "rm"])
def test_runs_are_offered_newest_first(runs: Project, command: str) -> None:
    """The commands on runs take `last` and each run's id, with age and job."""
    assert {
        "last": "the newest: 1m ago  classifier",
        "aa00000001": "1m ago  classifier",
        "bb00000002": "2h ago  my-job",
        "aa00000003": "3d ago  hello",
    } == runs.about(command, "")
    assert ["last", "aa00000001", "bb00000002", "aa00000003"] == runs.offered(command, "")
    assert ["aa00000001", "aa00000003"] == runs.offered(command, "aa")


def test_a_second_run_is_for_rm_alone(runs: Project) -> None:
    """`rm` takes more runs, and none twice; `show` takes one."""
    assert ["last", "bb00000002", "aa00000003"] == runs.offered("rm", "aa00000001", "")
    assert [] == runs.offered("show", "aa00000001", "")


def test_runs_of_another_root(runs: Project) -> None:
    """`--root` and the variable say where runs lie; a path is completed as one."""
    (runs.folder / "runs").rename(runs.folder / "old")

    assert [] == runs.offered("show", "")
    assert 4 == len(runs.offered("show", "--root", "old", ""))
    assert 4 == len(runs.offered("show", "--root=old", ""))
    assert ["./old/"] == runs.offered("show", "./o")
    runs.environ["BREVETTI_HYDRA_RUNS"] = str(runs.folder / "old")
    assert 4 == len(runs.offered("show", ""))


def test_tags_that_can_be_taken_away(runs: Project) -> None:
    """`tag RUN -` offers the tags that the run has."""
    assert ["-baseline", "-line 3"] == [
        each for each in runs.offered("tag", "last", "-") if each != "-h" and each[1] != "-"
    ]
    assert ["-baseline"] == runs.offered("tag", "bb", "-b")


@pytest.mark.parametrize("content", ["", "[]", '{"tags": 3}', "[" * 100_000])
def test_a_broken_record_has_no_tags(runs: Project, content: str) -> None:
    """A record that cannot be read offers nothing."""
    runs.write({"runs/20261123T115900Z-classifier-aa00000001/record.json": content})

    assert [] == runs.offered("tag", "last", "-b")


def test_folders_of_runs_are_read_as_they_are_named(runs: Project) -> None:
    """What `RunFolder` names, completion reads."""
    folder = RunFolder.new(runs.folder / "runs", "Ünï job", new_run_id(), 1795435100.0)

    assert short_id_of(folder.name) == runs.offered("show", "")[2]


def test_sweeps_and_their_trials_are_offered(runs: Project) -> None:
    """`show` takes a sweep beside the runs, and a trial as soon as its id is begun."""
    root = runs.folder / "runs"
    sweep = SweepFolder.named(root, "my-job", "cc00000004", 1795435140.0)
    trial = sweep.root / trial_name(12, "my-job", "cc00000005")
    trial.mkdir(parents=True)

    assert "cc00000004" in runs.offered("show", "")
    assert "cc00000004" not in runs.offered("resume", "")
    about = runs.about("show", "cc")
    assert ["cc00000005", "cc00000004"] == list(about)
    assert "trial 12 of cc00000004  my-job" == about["cc00000005"]
    assert about["cc00000004"].endswith("ago  sweep of my-job")
    assert ["cc00000005"] == runs.offered("resume", "cc")


def test_values_of_flags_are_what_the_reader_takes() -> None:
    """Each value that is offered behind a flag of a run's line is accepted there, and none lacks."""
    for flag, values in commands._FLAG_VALUES.items():
        for value in values:
            words = [f"{flag}{value}"] if flag.endswith("=") else [flag, value]
            flags = read_argv(words).flags
            assert value in flags
    offered = {flag.strip("-="): values for flag, values in commands._FLAG_VALUES.items()}
    assert overrides._CHOICES == {name: offered[name] for name in overrides._CHOICES}
