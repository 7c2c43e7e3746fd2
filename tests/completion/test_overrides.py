"""Groups, options, settings and their values on a run's line."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from brevetti_hydra.completion.conf import Conf
from brevetti_hydra.completion.folders import project_folder, shipped_folder
from brevetti_hydra.config import find_project, open_repository, read_argv
from brevetti_hydra.config.files import search
from brevetti_hydra.config.files.groups import list_groups

if TYPE_CHECKING:
    from pathlib import Path

    from tests.completion.conftest import Project


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["jo"], ["job=", "job."]),
        (["job="], ["job=classifier", "job=hello", "job=mine"]),
        (["+job=m"], ["+job=mine"]),
        (["++experiment=t"], ["++experiment=tiny"]),
        (["~exp"], ["~experiment"]),
        (
            ["experiment@"],
            [
                *(
                    "experiment@_global_=",
                    "experiment@_here_=",
                    "experiment@job=",
                    "experiment@platform=",
                    "experiment@run=",
                    "experiment@sweep=",
                    "experiment@search=",
                    "experiment@launcher=",
                    "experiment@hydra=",
                )
            ],
        ),
        (["@"], []),
        (["no@"], []),
        (["dataset@job="], ["dataset@job=folder"]),
        (["job=classifier", "mo"], ["model."]),
        (["job=classifier", "model."], ["model.hidden=", "model.l2="]),
        (["job=classifier", "~model.h"], ["~model.hidden"]),
        (["job=classifier", "+lr"], ["+lr="]),
        (["job=classifier", "--model.h"], ["--model.hidden"]),
        (["job=classifier", "--augment.mirror", ""], ["true", "false"]),
        (["job=classifier", "--augment.mirror=t"], ["--augment.mirror=true"]),
        (["job=classifier", "augment.mirror="], ["augment.mirror=true", "augment.mirror=false"]),
        (["job=mine", "optim.kind="], ["optim.kind=adam", "optim.kind=sgd"]),
        (["job=mine", "mode="], ["mode=fast", "mode=slow", "mode=null"]),
        (["job=mine", "color=d"], ["color=deep blue"]),
        (["job=mine", "net.drop="], ["net.drop=null"]),
        (["job=mine", "folder=tr"], ["folder=train.py"]),
        (["job=mine", "key="], []),
        (["job=mine", "weights."], ["weights.plain="]),
        (["job=mine", "weights["], ["weights['a b']="]),
        (["job=mine", "weights['a b']="], ["weights['a b']=1"]),
        (["job=mine", "no.such."], []),
        (["job=mine", "epochs.x."], []),
        (["job=mine", "ep="], []),
        (["run.seed="], ["run.seed=null", "run.seed=0"]),
        (["run.root=co"], ["run.root=conf/"]),
        (["run.capture=f"], ["run.capture=false"]),
        (["platform.settings_layer=b"], ["platform.settings_layer=below_yaml"]),
        (["dataset=folder", "job.datasets."], ["job.datasets.images."]),
        (["job.datasets.mine=co"], ["job.datasets.mine=conf/"]),
        (["job.datasets.mine.bucket=co"], ["job.datasets.mine.bucket=conf/"]),
        (["job=tr"], ["job=train:"]),
        (["job=train:"], ["job=train:Train", "job=train:Other"]),
        (["job._target_=train:O"], ["job._target_=train:Other"]),
        (["job=train:Train", "net."], ["net.hidden=", "net.drop="]),
        (["job=train.Other", "net.h"], ["net.hidden="]),
        (["job=no:Such", "net."], []),
        (["job=mine", "title="], []),
        (["日本="], []),
    ],
)
def test_words_of_a_run(project: Project, words: list[str], expected: list[str]) -> None:
    """Each word goes on as the grammar of overrides, the files and the class allow."""
    assert expected == project.offered(*words)


def test_a_setting_is_described(project: Project) -> None:
    """Beside a key stand description, type, bounds and default; a secret's default does not."""
    about = project.about("job=mine", "")

    assert "passes (int, >= 1, default 3)" == about["epochs="]
    assert "str, required" == about["title="]
    assert "default" not in about["key="]


def test_the_current_value_is_a_hint(project: Project) -> None:
    """Behind `=` stands what YAML sets and what the class's default is."""
    assert {
        "epochs=7": "set in YAML, int >= 1",
        "epochs=3": "default, int >= 1",
    } == project.about("job=mine", "epochs=")


def test_an_option_is_described_by_its_first_comment(project: Project) -> None:
    """Beside an option stands the first comment line of its file."""
    assert {"job=mine": "Mine: a job of this project."} == project.about("job=m")


def test_the_chosen_variant_has_its_keys(project: Project) -> None:
    """Of a union the keys of that variant are offered which YAML or an earlier word chooses."""
    assert 0 == project.run("brevetti_hydra.completion", "bash", "script", "x ", "").returncode
    assert 0 == project.run("brevetti_hydra", "job=mine", "title=x").returncode

    assert ["optim.kind=", "optim.momentum="] == project.offered("job=mine", "optim.")
    line = ["job=mine", "optim.kind=adam", "optim."]
    assert ["optim.kind=", "optim.beta1="] == project.offered(*line)
    literal = ["job=mine", "--optim.kind", "adam", "optim."]
    assert ["optim.kind=", "optim.beta1="] == project.offered(*literal)


def test_variants_are_known_from_the_source(project: Project) -> None:
    """A class that never ran has the variants of its unions, too."""
    chosen = ["optim.kind=", "optim.momentum="]

    assert chosen == project.offered("job=mine", "optim.")
    assert chosen == project.offered("job=train:Train", "optim.kind=sgd", "optim.")
    assert 3 == len(project.offered("job=train:Train", "optim."))


def test_the_primary_config_may_choose_the_job(project: Project) -> None:
    """A job of the user's own primary config needs not be typed."""
    project.write({"conf/brevetti.yaml": "defaults:\n  - job: mine\n  - _self_\nepochs: 9\n"})

    assert ["epochs=9", "epochs=3"] == project.offered("epochs=")
    assert ["model."] == project.offered("job=classifier", "mod")


def test_an_experiment_may_choose_the_job(project: Project) -> None:
    """`override /job` in a chosen file counts, unless the line says otherwise."""
    project.write({"conf/experiment/e.yaml": "defaults:\n  - override /job: mine\nepochs: 5\n"})

    assert ["net."] == project.offered("+experiment=e", "ne")
    assert [] == project.offered("job=classifier", "+experiment=e", "ne")


def test_folders_of_the_line(project: Project) -> None:
    """`-cp`, `-cd` and `hydra.searchpath` are searched as a run searches them."""
    project.write({"more/job/extra.yaml": "# Extra.\n", "a b/job/spaced.yaml": ""})

    assert ["job=extra"] == project.offered("-cd", "more", "job=e")
    assert ["job=spaced"] == project.offered("--config-dir=a b", "job=s")
    assert ["job=extra"] == project.offered("hydra.searchpath=[more]", "job=e")
    assert ["job=classifier", "job=extra", "job=hello"] == project.offered("-cp", "more", "job=")
    assert ["job=classifier"] == project.offered("-cp", "no such", "job=c")


def test_groups_are_those_of_a_run(project: Project) -> None:
    """Groups, options and first comments are the ones that `--help` lists."""
    project.write(
        {
            "conf/job/deep/er.yaml": "# @package _global_\n\n# Deeper.\nx: 1\n",
            "conf/__pycache__/no.yaml": "",
            "conf/.hidden/no.yaml": "",
            "conf/empty/no.txt": "",
            "conf/experiment/tiny.yaml": "# yaml-language-server: $schema=x\n# Shadows.\n",
        }
    )
    request = read_argv([])
    listed = list_groups(open_repository(request, find_project(project.folder), project.folder))
    conf = Conf(project.place, [str(project.folder / "conf"), shipped_folder()])

    assert {g.name: {o.name: o.summary for o in g.options} for g in listed} == {
        group: conf.options(group) for group in conf.groups()
    }


def test_folders_are_found_as_a_run_finds_them(project: Project, tmp_path: Path) -> None:
    """The project and the shipped configuration are those of a run."""
    inner = project.folder / "a" / "b"
    inner.mkdir(parents=True)

    for folder in (project.folder, inner, tmp_path):
        assert str(find_project(folder).folder) == project_folder(str(folder))
    assert os.fspath(search.shipped_folder()) == shipped_folder()


def test_an_unknown_class_leaves_what_files_say(project: Project) -> None:
    """Where the class cannot be found, the keys of the chosen files and the nodes are offered."""
    project.write(
        {"conf/job/lost.yaml": "# @package _global_\njob:\n  _target_: no:Such\nx:\n  y: 1\n"}
    )

    assert ["x."] == project.offered("job=lost", "x")
    assert ["x.y="] == project.offered("job=lost", "x.")
    assert [] == project.offered("job=lost", "x.y=")
    assert ["run.seed="] == project.offered("job=lost", "run.se")


def test_secrets_of_files_are_never_offered(project: Project) -> None:
    """A secret in YAML stands neither among candidates nor in the cache."""
    project.offered("job=mine", "")
    said = [project.candidates("job=mine", text) for text in ("", "key=", "ke", "--key=", "~k")]
    files = [path.read_text() for path in project.cache.iterdir()]

    assert [] == [text for text in (*map(str, said), *files) if "hunter2" in text]


def test_files_with_odd_names(project: Project) -> None:
    """Names of any characters are offered whole; hidden files only behind a dot."""
    names = ["a b", "$(touch x)", "it's", 'say "x"', "new\nline", "ünï 日本", "~x", "-dash", ".dot"]
    project.write({f"files/{name}": "" for name in names})

    offered = project.offered("job=mine", "folder=files/")

    assert sorted(f"folder=files/{name}" for name in names[:-1]) == [o for o in offered if "/" in o]
    assert ["folder=files/.dot"] == project.offered("job=mine", "folder=files/.")


def test_an_empty_default_is_shown(project: Project) -> None:
    """An empty text as default is written with its quotes."""
    project.write(
        {
            "train.py": (
                "from brevetti_hydra import Job, JobSettings\n"
                "class Settings(JobSettings):\n    remark: str = ''\n"
                "class MyJob(Job):\n    settings: Settings\n    def run(self): pass\n"
            )
        }
    )

    assert 'str, default ""' == project.about("job=train:MyJob", "rem")["remark="]
