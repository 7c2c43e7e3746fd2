"""Where values come from: one golden text for each hard case, as `explain` prints it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from brevetti_hydra.cli.explanations import explanations_text
from brevetti_hydra.config.explaining.explain import explain
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigSyntaxError,
    OverrideSyntaxError,
    UnknownSettingError,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TRAIN = """\
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import AliasChoices
from brevetti_hydra import Field, Job, JobSettings, Secret


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    lr: float = Field(1e-3, gt=0, description="step size")
    beta1: float = 0.9


class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    lr: float = Field(0.1, gt=0, description="step size")
    momentum: float = 0.0


class Model(JobSettings):
    hidden: int = Field(32, gt=0, description="units of the hidden layer")
    depth: int = 2


@dataclass
class Crop:
    top: float = 0.1
    sides: float = 0.2


@dataclass
class Image:
    size_px: int = 224
    crop: Crop = field(default_factory=lambda: Crop(top=0.5))


class Base(JobSettings):
    epochs: int = Field(10, gt=0, description="passes over the training images")
    label: str = "a"


class Settings(Base):
    classes: int = Field(3, description="number of categories")
    rate: float = 0.5
    version: str = "1.0"
    optim: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    model: Model = Model(hidden=64)
    other: Model = Field(default_factory=Model)
    image: Image = Image()
    layers: list[int] = Field([1, 2])
    boxes: list[Model] = Field([])
    weights: dict[str, float] = Field({"a": 1.0})
    token: Secret | None = None
    learning: float = Field(1.0, validation_alias=AliasChoices("learning", "scale"))


class Needs(Base):
    data: str = Field(description="where the images are")


class MyJob(Job):
    settings: Settings


class NeedsJob(Job):
    settings: Needs
"""


class Case(NamedTuple):
    """A command line in a project, and what is asked about it."""

    files: Mapping[str, str]
    argv: tuple[str, ...]
    keys: tuple[str, ...]
    info: Mapping[str, Any] | None = None


def conf(primary: str, **files: str) -> dict[str, str]:
    """Give a conf folder: `g__a` is g/a.yaml."""
    named = {f"conf/{name.replace('__', '/')}.yaml": text for name, text in files.items()}
    return {"conf/brevetti.yaml": primary} | named


MODEL = "hidden: 8\ndepth: 5\n"
ADAM = "kind: adam\nlr: 0.5\nbeta1: 0.8\n"

CASES = {
    # who writes: class, YAML, info.json, the command line
    "layers": Case(
        conf("defaults:\n- g: a\n- _self_\nepochs: 2\n", g__a="# @package _global_\nepochs: 1\n"),
        ("epochs=5", "epochs=6"),
        ("epochs",),
        {"settings": {"epochs": 4}},
    ),
    "info_below_yaml": Case(
        conf("platform:\n  settings_layer: below_yaml\nepochs: 2\n"),
        ("rate=0.25",),
        ("epochs", "rate", "model.depth"),
        {"settings": {"epochs": 4, "rate": 1, "model": {"depth": 7}}},
    ),
    "defaults_of_classes": Case(
        conf(""), (), ("epochs", "model", "other", "image", "optim", "weights")
    ),
    "partly_written": Case(
        conf("model:\n  depth: 5\nimage:\n  crop:\n    sides: 0\n"), (), ("model", "image")
    ),
    "required": Case(conf(""), ("job=train:NeedsJob",), ("data",)),
    "job_by_class_name": Case(conf(""), (), ("job._target_",)),
    "job_by_class_name_in_defaults": Case(
        conf("defaults:\n- job: train:NeedsJob\n- _self_\n"), ("data=x",), ("job._target_",)
    ),
    # packages and defaults lists
    "package_header": Case(
        conf("defaults:\n- g: a\n- _self_\n", g__a=f"# @package model\n{MODEL}"), (), ("model",)
    ),
    "package_relocated": Case(
        conf("defaults:\n- g@other: a\n- _self_\n", g__a=f"# @package model\n{MODEL}"),
        (),
        ("model.depth", "other.depth"),
    ),
    "package_here": Case(
        conf(
            "defaults:\n- model: a\n- _self_\n",
            model__a="defaults:\n- part@_here_: p\n- _self_\nhidden: 1\n",
            model__part__p="depth: 9\n",
        ),
        (),
        ("model",),
    ),
    "same_file_twice": Case(
        conf("defaults:\n- /g@model: a\n- /g@other: a\n- _self_\n", g__a=MODEL),
        ("other.depth=1",),
        ("model", "other"),
    ),
    "override_group": Case(
        conf(
            "defaults:\n- model: a\n- exp: e\n- _self_\n",
            model__a=MODEL,
            model__b="hidden: 99\n",
            exp__e="# @package _global_\ndefaults:\n- override /model: b\nepochs: 7\n",
        ),
        (),
        ("model.hidden", "epochs"),
    ),
    "override_group_on_the_line": Case(
        conf(
            "defaults:\n- model: a\n- exp: e\n- _self_\n",
            model__a=MODEL,
            model__b="hidden: 99\n",
            model__c="hidden: 11\n",
            exp__e="# @package _global_\ndefaults:\n- override /model: b\n",
        ),
        ("model=c",),
        ("model.hidden",),
    ),
    "list_of_options": Case(
        conf("defaults:\n- model: [a, b]\n- _self_\n", model__a=MODEL, model__b="hidden: 99\n"),
        (),
        ("model",),
    ),
    "list_of_options_on_the_line": Case(
        conf("defaults:\n- model: a\n- _self_\n", model__a=MODEL, model__b="hidden: 99\n"),
        ("model=[b,a]",),
        ("model",),
    ),
    "appended_options": Case(
        conf("", model__a=MODEL, model__b="hidden: 99\n"),
        ("+model@other=b", "+model=[a,b]"),
        ("model", "other.hidden"),
    ),
    "option_of_a_reference": Case(
        conf(
            "defaults:\n- g: a\n- model: ${g}\n- _self_\n",
            g__a="# @package _global_\n",
            model__a=MODEL,
        ),
        (),
        ("model.hidden",),
    ),
    "search_path": Case(
        conf("hydra:\n  searchpath: [more]\n") | {"more/model/far.yaml": MODEL},
        ("+model=far",),
        ("model.hidden", "hydra.searchpath"),
    ),
    # how values merge
    "list_replaced_whole": Case(
        conf(
            "defaults:\n- g: a\n- _self_\nlayers: [7]\n",
            g__a="# @package _global_\nlayers: [5, 6]\n",
        ),
        (),
        ("layers", "layers[0]"),
    ),
    "element_of_a_list": Case(
        conf("boxes:\n- hidden: 1\n- hidden: 2\n  depth: 3\n"), (), ("boxes[1].depth",)
    ),
    "dict_merged_by_key": Case(
        conf(
            "defaults:\n- g: a\n- _self_\nweights:\n  b: 2\n",
            g__a="# @package _global_\nweights:\n  b: 1\n  'any text': 3\n",
        ),
        ("weights['any text']=4",),
        ("weights", "weights['any text']"),
    ),
    "back_to_the_default": Case(
        conf("epochs: 5\nweights:\n  b: 2\n"), ("~epochs", "~weights.b"), ("epochs", "weights")
    ),
    "back_to_the_default_of_an_argument": Case(
        conf("epochs: 5\n"), ("epochs=6", "~epochs"), ("epochs",)
    ),
    "node_taken_away": Case(conf("model:\n  hidden: 5\n"), ("~model",), ("model",)),
    "signs": Case(conf("epochs: 5\n"), ("+epochs=6", "++rate=1"), ("epochs", "rate")),
    "literals": Case(conf(""), ("--epochs", "3", "--layers=[4]"), ("epochs", "layers")),
    "left_open": Case(
        conf(
            "defaults:\n- _self_\n- g: a\nepochs: 5\nrate: ???\n",
            g__a="# @package _global_\nepochs: ???\n",
        ),
        (),
        ("epochs", "rate"),
    ),
    "mapping_replaced_by_null": Case(
        conf("defaults:\n- g: a\n- _self_\nmodel: null\n", g__a="# @package model\nhidden: 5\n"),
        (),
        ("model", "model.hidden"),
    ),
    "line_opens_what_it_closed": Case(
        conf("weights:\n  b: 2\n"), ("weights=null", "weights.c=3"), ("weights",)
    ),
    "alias": Case(conf("scale: 2\n"), ("scale=3",), ("learning", "scale")),
    # YAML
    "anchor_of_a_value": Case(conf("rate: &r 3\nlearning: *r\n"), (), ("rate", "learning")),
    "anchor_of_a_mapping": Case(
        conf("model: &m\n  hidden: 3\nother: *m\n"), (), ("model.hidden", "other.hidden")
    ),
    "merge_key": Case(
        conf("model: &m\n  hidden: 3\n  depth: 4\nother:\n  <<: *m\n  depth: 1\n"), (), ("other",)
    ),
    "merge_key_of_a_list": Case(
        conf("model:\n  <<: [&x {hidden: 3}, {hidden: 4, depth: 6}]\n"), (), ("model",)
    ),
    # unions
    "union_switched": Case(
        conf("defaults:\n- optim: adam\n- _self_\n", optim__adam=ADAM),
        ("optim.kind=sgd",),
        ("optim", "optim.beta1"),
    ),
    "union_switched_in_yaml": Case(
        conf(
            "defaults:\n- optim: adam\n- exp: e\n- _self_\n",
            optim__adam=ADAM,
            exp__e="# @package optim\nkind: sgd\nmomentum: 0.5\n",
        ),
        (),
        ("optim",),
    ),
    # references
    "reference_hops": Case(
        conf("label: net-${version}\nversion: v${epochs}\n"),
        ("epochs=3",),
        ("label",),
    ),
    "reference_relative": Case(
        conf("model:\n  hidden: ${.depth}\n  depth: ${..epochs}\n"), (), ("model.hidden",)
    ),
    "reference_to_a_mapping": Case(
        conf("defaults:\n- g: a\n- _self_\nmodel: ${other}\n", g__a="# @package other\ndepth: 4\n"),
        (),
        ("model", "model.depth"),
    ),
    "mapping_over_a_reference": Case(
        conf(
            "defaults:\n- _self_\n- g: a\nother:\n  depth: 4\n  hidden: 6\nmodel: ${other}\n",
            g__a="# @package model\nhidden: 9\n",
        ),
        (),
        ("model",),
    ),
    "reference_in_a_list": Case(conf("layers: ['${epochs}', 2]\n"), (), ("layers",)),
    "reference_to_an_element": Case(
        conf("layers: [5, '${rate}']\nepochs: ${layers[1]}\nlearning: ${layers.0}\n"),
        (),
        ("epochs", "learning", "layers[1]", "layers[0]"),
    ),
    "reference_in_an_element": Case(
        conf(
            "boxes:\n- hidden: ${epochs}\n  depth: ${..[1].depth}\n- {hidden: 3, depth: '${rate}'}\n"
        ),
        (),
        ("boxes[0].hidden", "boxes[1].depth", "boxes[1].hidden"),
    ),
    "reference_to_itself": Case(conf("label: ${version}\nversion: ${label}\n"), (), ("label",)),
    "reference_to_nothing": Case(conf("label: ${nothere}\n"), (), ("label",)),
    "environment": Case(
        conf("label: ${oc.env:BREVETTI_LABEL}\nversion: ${oc.env:BREVETTI_OTHER,none}\n"),
        (),
        ("label", "version"),
    ),
    "hydra_values": Case(
        conf("defaults:\n- g: a\n- _self_\nlabel: ${hydra:runtime.choices.g}\n", g__a=""),
        (),
        ("label",),
    ),
    # secrets
    "secrets": Case(
        conf("token: hunter2-in-yaml\nlabel: ${token}\nversion: ${oc.env:BREVETTI_API_KEY}\n"),
        ("rate=0.25",),
        ("token", "label", "version"),
    ),
    "secret_on_the_line": Case(
        conf("token: ${oc.env:BREVETTI_TOKEN}\n"), ("token=hunter2-on-the-line",), ("token",)
    ),
    "secret_in_a_fallback": Case(
        conf(
            "token: ${oc.env:BREVETTI_NOT_SET,hunter2-fallback}\nversion: ${oc.env:MY_TOKEN,hu2}\n"
        ),
        (),
        ("token", "version"),
    ),
    "secret_in_a_resolver": Case(
        conf(""), ("token=${oc.decode:hunter2-decoded}", "label=${token}"), ("token", "label")
    ),
    "secret_in_other_places": Case(
        conf(""),
        ("token=hunter2-on-the-line", "label=hunter2-on-the-line", "weights.hunter2-on-the-line=1"),
        ("label", "weights"),
    ),
    # mistakes
    "misspelt_secret": Case(
        conf("tokken: hunter2-in-yaml\n"),
        ("tokn=hunter2", "--toke", "hunter2"),
        ("tokn", "toke", "tokken"),
    ),
    "unknown_and_written": Case(conf("epocs: 5\n"), ("nothere.at=1",), ("epocs", "nothere")),
    "reserved_nodes": Case(
        conf("run:\n  seed: 3\n"), ("run.note=hello",), ("run.seed", "run.note", "platform.kind")
    ),
    "settings_alone": Case(conf("run:\n  seed: 3\nepochs: 5\nepocs: 3\n"), ("~rate",), ()),
}


def explained(project: Any, case: Case) -> Any:
    argv = case.argv
    if not any("job" in text for text in [*argv, case.files["conf/brevetti.yaml"]]):
        argv = (*argv, "job=train:MyJob")
    project.write({"pyproject.toml": "", "train.py": TRAIN} | dict(case.files))
    return explain(project.compose(*argv, info=case.info), case.keys)


@pytest.mark.parametrize("name", CASES)
def test_an_explanation_reads_as_it_was_judged(
    name: str, project: Any, golden: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The whole explanation of a hard case is the golden text."""
    monkeypatch.setenv("BREVETTI_LABEL", "from outside")
    monkeypatch.setenv("BREVETTI_API_KEY", "hunter2")
    monkeypatch.setenv("BREVETTI_TOKEN", "hunter2")

    text = explanations_text(explained(project, CASES[name]), 100)

    golden(f"explain/{name}.txt", project.normalised(text) + "\n")
    assert "hunter2" not in text


def test_no_golden_text_is_left_over(repository: Path) -> None:
    """Every golden text of an explanation belongs to a case."""
    folder = repository / "tests" / "golden" / "explain"

    assert sorted(f"{name}.txt" for name in CASES) == sorted(path.name for path in folder.iterdir())


def test_a_duplicate_key_names_the_second_place(project: Any) -> None:
    """A key that a file has twice is an error, at the second of its places."""
    project.write(conf("epochs: 1\nrate: 2\nepochs: 3\n"))

    with pytest.raises(ConfigSyntaxError) as caught:
        project.compose(settings="Demo")

    assert caught.value.where is not None
    assert "conf/brevetti.yaml:3:1" == caught.value.where.label


@pytest.mark.parametrize(
    ("key", "kind", "hint"),
    [
        ("epoch", UnknownSettingError, "a similar name exists: 'epochs'"),
        ("model.hiden", UnknownSettingError, "a similar name exists: 'model.hidden'"),
        ("run.sed", UnknownSettingError, "a similar name exists: 'run.seed'"),
        ("optim.momentum", UnknownSettingError, "set the setting of the chosen variant"),
        ("layers[9]", UnknownSettingError, None),
        ("epochs:3", OverrideSyntaxError, "to set it write epochs=3"),
        ("layers[-1]", OverrideSyntaxError, "count elements from 0: layers[0]"),
        ("", OverrideSyntaxError, "write nested keys with dots"),
        ("a[", OverrideSyntaxError, "write nested keys with dots"),
        (".", OverrideSyntaxError, "write nested keys with dots"),
    ],
)
def test_a_key_that_is_not_there_is_an_error(
    key: str, kind: type[BrevettiHydraError], hint: str | None, project: Any
) -> None:
    """An unknown key states similar names."""
    composition = project.compose(settings="Demo")

    with pytest.raises(kind) as caught:
        explain(composition, [key])

    assert (hint or "") in (caught.value.hint or "")


def test_a_record_names_what_was_taken_away(project: Any) -> None:
    """The origins of a record go on from the default to `~key`, and to what that took away."""
    project.write(conf("epochs: 5\nrate: 1\n"))

    origins = project.compose("epochs=6", "~epochs", settings="Demo").origins()

    expected = ["default of Demo.epochs", "argument 2: ~epochs"]
    assert [*expected, "argument 1: epochs=6", "conf/brevetti.yaml:1:1"] == origins["epochs"]
    assert ["conf/brevetti.yaml:2:1"] == origins["rate"]
