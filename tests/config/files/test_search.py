"""Where configuration is looked for, which options are chosen, what the `hydra` node may say."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.config import find_project, open_repository, read_argv
from brevetti_hydra.config.files.groups import list_groups
from brevetti_hydra.config.files.search import shipped_folder

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
from brevetti_hydra import Job, JobSettings
class S(JobSettings):
    lr: float = 1.0
class MyJob(Job):
    settings: S
"""


def labels(project: Any, *argv: str) -> list[str]:
    composition = project.compose(*argv, settings="Demo")
    return [project.normalised(document.label) for document in composition.documents]


def groups(project: Any, *argv: str) -> dict[str, list[tuple[str, str]]]:
    request = read_argv(argv)
    search = open_repository(request, find_project(project.folder), project.folder)
    return {
        group.name: [(option.name, option.summary) for option in group.options]
        for group in list_groups(search)
    }


def test_without_own_files_the_shipped_ones_are_taken(project: Any) -> None:
    """The primary config and the local platform come with the harness."""
    assert ["SHIPPED/platform/local.yaml", "SHIPPED/brevetti.yaml"] == labels(project)


def test_own_files_shadow_shipped_ones_whole(project: Any) -> None:
    """A file of the same name takes the shipped one's place, and is not merged with it."""
    project.write({"conf/platform/local.yaml": "# mine\njob_id: x\n"})

    composition = project.compose(settings="Demo")

    assert "conf/platform/local.yaml" == composition.documents[0].label
    assert {"job_id": "x"} == composition.written.plain()["platform"]


def test_the_search_path_has_an_order(project: Any) -> None:
    """./conf, then -cd, then hydra.searchpath, then what is shipped."""
    text = "# @package _global_\nlabel: {}\n"
    for number, folder in enumerate(["conf", "second", "third"]):
        names = ["a", "b", "c"][number:]
        project.write({f"{folder}/g/{name}.yaml": text.format(folder) for name in names})
    argv = ("-cd", "second", "hydra.searchpath=[third]")

    found = [project.settings("Demo", *argv, f"+g={name}")["label"] for name in "abc"]

    assert ["conf", "conf", "conf"] == found
    shutil.rmtree(project.folder / "conf" / "g")
    found = [project.settings("Demo", *argv, f"+g={name}")["label"] for name in "bc"]
    assert ["second", "second"] == found


def test_config_path_takes_the_place_of_conf(project: Any) -> None:
    """With -cp the folder ./conf is left out."""
    project.write({"conf/g/a.yaml": "", "other/brevetti.yaml": "label: other\n"})

    assert "other" == project.settings("Demo", "-cp", "other")["label"]
    assert "there is no group 'g'" in project.error("-cp", "other", "g@x=a", settings="Demo")


@pytest.mark.parametrize("name", ["mine", "mine.yaml"])
def test_config_name_chooses_another_primary(name: str, project: Any) -> None:
    """With -cn another file is the first, with or without its suffix."""
    project.write({"conf/mine.yaml": "label: mine\n", "conf/brevetti.yaml": "label: not\n"})

    assert "mine" == project.settings("Demo", "-cn", name)["label"]


def test_the_primary_config_may_add_folders(project: Any) -> None:
    """`hydra.searchpath` in the primary config, relative to the working directory."""
    project.write(
        {
            "conf/brevetti.yaml": "hydra:\n  searchpath: [more, file://more]\ndefaults: [g: a]\n",
            "more/g/a.yaml": "# @package _global_\nlabel: more\n",
        }
    )

    assert "more" == project.settings("Demo")["label"]


def test_packages_of_the_project_may_be_searched(project: Any) -> None:
    """`pkg://` names a folder of the project's code, which is not imported for it."""
    project.write(
        {
            "pyproject.toml": "",
            "src/mine/__init__.py": "raise SystemExit('imported')\n",
            "src/mine/conf/g/a.yaml": "# @package _global_\nlabel: pkg\n",
        }
    )

    for name in ("mine.conf", "mine/conf"):
        found = project.settings("Demo", f"hydra.searchpath=[pkg://{name}]", "+g=a")
        assert "pkg" == found["label"]


@pytest.mark.parametrize("name", ["yaml", "nothere", "..", "mine..conf", "", "/etc"])
def test_other_packages_are_not_searched(name: str, project: Any) -> None:
    """What is installed, or no package at all, is refused."""
    text = project.error(f"hydra.searchpath=['pkg://{name}']", settings="Demo")

    assert text.startswith("error[target-refused]")


def test_a_folder_counts_once(project: Any) -> None:
    """Where ./conf is the shipped folder, and a folder is named twice, options stand once."""
    (project.folder / "conf").rmdir()
    (project.folder / "conf").symlink_to(shipped_folder(), target_is_directory=True)

    found = groups(project, "-cd", "conf", "hydra.searchpath=[conf]")

    assert ["classifier", "hello"] == [name for name, _ in found["job"]]
    assert ["conf/platform/local.yaml", "conf/brevetti.yaml"] == labels(project)


def test_groups_are_listed_with_their_first_line(project: Any) -> None:
    """Nested groups, summaries without directives, unreadable files named as such."""
    project.write(
        {
            "conf/g/a.yaml": "# @package _global_\n# yaml-language-server: $schema=x\n# First line.\n# 2\n",
            "conf/g/b.yaml": "x: 1\n",
            "conf/g/c.yaml": "x: [\n",
            "conf/g/.hidden.yaml": "",
            "conf/g/n/d.yaml": "## Nested.\n",
            "conf/g/notes.txt": "",
            "conf/.git/x.yaml": "",
            "conf/empty/readme.md": "",
        }
    )

    found = groups(project)

    assert [("a", "First line."), ("b", "")] == found["g"][:2]
    assert "c" == found["g"][2][0]
    assert "cannot be read" in found["g"][2][1]
    assert [("d", "Nested.")] == found["g/n"]
    assert {".git", "empty"}.isdisjoint(found)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "a"),
        (["g=b"], "b"),
        (["+g=b"], "b"),
        (["++g=b"], "b"),
        (["g=b", "g=a"], "a"),
        (["g='b'"], "b"),
        (["g=b.yaml"], "b"),
    ],
)
def test_an_option_of_the_defaults_list_is_replaced(
    argv: list[str], expected: str, project: Any
) -> None:
    """`g=x`, `+g=x` and `++g=x` mean the same, and the last one wins."""
    text = "# @package _global_\nlabel: {}\n"
    project.write(
        {
            "conf/brevetti.yaml": "defaults:\n- g: a\n- _self_\n",
            "conf/g/a.yaml": text.format("a"),
            "conf/g/b.yaml": text.format("b"),
        }
    )

    assert expected == project.settings("Demo", *argv)["label"]


@pytest.mark.parametrize("argument", ["g=b", "+g=b", "++g=b"])
def test_a_group_that_no_list_names_is_added(argument: str, project: Any) -> None:
    """The sign does not matter there, either."""
    project.write({"conf/g/b.yaml": "# @package _global_\nlabel: b\n"})

    assert "b" == project.settings("Demo", argument)["label"]


def test_a_choice_is_taken_away(project: Any) -> None:
    """`~g` and `~g=a` leave the option out; another option's name is an error."""
    project.write(
        {
            "conf/brevetti.yaml": "defaults:\n- g: a\n- _self_\n",
            "conf/g/a.yaml": "# @package _global_\nlabel: x\n",
        }
    )

    assert "a" == project.settings("Demo", "~g")["label"]
    assert "a" == project.settings("Demo", "~g=a")["label"]
    assert "no choice 'g=b'" in project.error("~g=b", settings="Demo")


def test_several_options_and_packages(project: Any) -> None:
    """Lists of options, and one group in two packages."""
    project.write(
        {
            "conf/brevetti.yaml": "defaults:\n- g: [a, b]\n- model@nodes.one: m\n- model: m\n- _self_\n",
            "conf/g/a.yaml": "# @package _global_\nlabel: a\nrate: 7\n",
            "conf/g/b.yaml": "# @package _global_\nlabel: b\n",
            "conf/model/m.yaml": "depth: 9\n",
            "conf/model/n.yaml": "depth: 8\n",
        }
    )

    found = project.settings("Demo", "model@nodes.one=n", "+model@nodes.two=m")

    assert ("b", 7.0, 9) == (found["label"], found["rate"], found["model"]["depth"])
    assert {"one": 8, "two": 9} == {key: node["depth"] for key, node in found["nodes"].items()}


def test_a_mapping_for_a_group_sets_its_keys(project: Any) -> None:
    """`model={depth: 3}` is a value even where a group of that name exists."""
    project.write({"conf/model/m.yaml": "depth: 9\n"})

    assert 3 == project.settings("Demo", "model={depth: 3}")["model"]["depth"]


def test_paths_are_named_from_the_working_directory(project: Any) -> None:
    """A file below it is named relatively, any other in full."""
    project.write({"pyproject.toml": "", "sub/x": "", "conf/brevetti.yaml": "epochs: x\n"})
    text = project.error(settings="Demo")
    assert "--> conf/brevetti.yaml:1:1" in text

    project.folder = project.folder / "sub"

    assert "/conf/brevetti.yaml:1:1" in project.error(settings="Demo")


def test_hostile_folders_are_no_obstacle(hostile_folder: Path, project: Any) -> None:
    """Spaces, quotes, line feeds and unicode in the project's path, and in names of groups."""
    project.folder = hostile_folder
    project.write(
        {
            "conf/grüppe/öption.yaml": "# @package _global_\nlabel: y\n",
            "conf/brevetti.yaml": "defaults:\n- grüppe: öption\n- _self_\nepochs: 3\n",
            "train.py": JOB,
        }
    )

    assert ("y", 3) == tuple(project.settings("Demo")[key] for key in ("label", "epochs"))
    assert "no setting 'epochs'" in project.error("job=train:MyJob")


@pytest.mark.parametrize(
    ("argument", "key", "expected"),
    [
        ("hydra.run.dir=out", "run.root", "out"),
        ("hydra.sweep.dir=out", "run.root", "out"),
        ("hydra.job.name=n", "job.name", "n"),
    ],
)
def test_translated_keys_of_hydra(argument: str, key: str, expected: str, project: Any) -> None:
    """Hydra's names for the folder and the job are taken, with one line of notice."""
    composition = project.compose(argument, settings="Demo")
    node, _, name = key.partition(".")

    assert expected == composition.tree[node][name]
    assert [f"argument 1: {argument}: '{argument.partition('=')[0]}' is taken as '{key}'"] == (
        composition.notices
    )


def test_our_own_name_wins_over_a_translation(project: Any) -> None:
    """`run.root` says it, whatever `hydra.run.dir` says."""
    assert "b" == project.validate("hydra.run.dir=a", "run.root=b", settings="Demo").run.root


@pytest.mark.parametrize(
    "argument",
    [
        "hydra.verbose=true",
        "hydra.mode=RUN",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
        "hydra.sweeper.params={lr: '1,2'}",
        "hydra.searchpath=[]",
    ],
)
def test_honoured_keys_of_hydra(argument: str, project: Any) -> None:
    """What single runs and sweeps take is no error."""
    composition = project.compose(argument, settings="Demo")

    assert [] == composition.problems
    assert ("verbose" in argument) is composition.hydra.verbose


@pytest.mark.parametrize(
    "argument",
    [
        "hydra=3",
        "hydra=x",
        "hydra.callbacks.x._target_=os.system",
        "hydra.launcher._target_=os.system",
        "hydra.sweeper._target_=os.system",
        "hydra.output_subdir=null",
        "hydra.job.chdir=true",
        "hydra.job.env_set.X=1",
        "hydra.job_logging.version=1",
        "hydra/job_logging=none",
        "hydra.help.app_name=x",
        "hydra.runtime.cwd=/",
    ],
)
def test_everything_else_of_hydra_is_refused(argument: str, project: Any) -> None:
    """On the line and in YAML, with the place of the key."""
    assert "error[refused-hydra-key]" in project.error(argument, settings="Demo")


def test_the_hydra_node_of_a_file_is_read_alike(project: Any) -> None:
    """Refused and translated keys stand in YAML as well."""
    project.write(
        {
            "conf/brevetti.yaml": "hydra:\n  run: {dir: out}\n  callbacks: {x: {_target_: os.system}}\n"
        }
    )

    text = project.error(settings="Demo")

    assert "'hydra.callbacks.x._target_' is not taken here\n  --> conf/brevetti.yaml:3:" in text


def test_a_pipe_is_no_option(project: Any) -> None:
    """What is no file is not read, and not offered as an option either."""
    project.write({"conf/model/real.yaml": "hidden: 3\n"})
    os.mkfifo(project.folder / "conf" / "model" / "pipe.yaml")

    text = project.error("+model=pipe", settings="Demo")

    assert "the group 'model' has no option 'pipe'" in text
    assert "note: it has 'real'\n" in text
    assert "quote it" not in text
