"""From written text to validated settings: every kind of field, from every layer."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Annotated, Any, Literal

import pydantic
import pytest
from pydantic import Field as PydanticField

from brevetti_hydra import Field, JobSettings


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    lr: float = 1e-3
    beta1: float = 0.9


class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    lr: float = 0.1


@dataclasses.dataclass
class Size:
    width: int
    height: int = 8


class Layer(JobSettings):
    units: int = 4
    size: Size = Field(default_factory=lambda: Size(1))


class Network(JobSettings):
    """Instances as defaults, at two levels; a required union; a recursive type."""

    layer: Layer = Layer(units=64, size=Size(5, 6))
    maybe: Layer | None = None
    size: Size = Field(default_factory=lambda: Size(3, 4))
    optim: Annotated[Adam | Sgd, PydanticField(discriminator="kind")] = Adam(beta1=0.5)
    either: Adam | int = 3
    child: Network | None = None


@pytest.mark.parametrize(
    ("argument", "key", "expected"),
    [
        ("epochs=5", "epochs", 5),
        ("epochs=5.0", "epochs", 5),
        ("epochs=1e3", "epochs", 1000),
        ("rate=1e-3", "rate", 0.001),
        ("rate=3", "rate", 3.0),
        ("rate=.5", "rate", 0.5),
        ("verbose=true", "verbose", True),
        ("verbose=False", "verbose", False),
        ("verbose=yes", "verbose", True),
        ("label=x", "label", "x"),
        ("label=1.10", "label", "1.10"),
        ("label=007", "label", "007"),
        ("label=1e3", "label", "1e3"),
        ("label=true", "label", "true"),
        ("label='1.10'", "label", "1.10"),
        ('label="a,b"', "label", "a,b"),
        ("label=", "label", ""),
        ("label=a=b", "label", "a=b"),
        ("label=a b", "label", "a b"),
        ("label=日本 ü;!?", "label", "日本 ü;!?"),
        ("label=  x  ", "label", "x"),
        ("folder=1.10", "folder", Path("1.10")),
        ("folder=/a b/c", "folder", Path("/a b/c")),
        ("folder=null", "folder", None),
        ("mode=slow", "mode", "slow"),
        ("layers=[3,4]", "layers", [3, 4]),
        ("layers=[]", "layers", []),
        ("weights={a: 1, b: 2}", "weights", {"a": 1.0, "b": 2.0}),
        ("weights.a=1", "weights", {"a": 1.0}),
        ("+weights.a=1", "weights", {"a": 1.0}),
        ("weights['any text']=2", "weights", {"any text": 2.0}),
        ("weights['a.b']=2", "weights", {"a.b": 2.0}),
        ("weights.日本=2", "weights", {"日本": 2.0}),
        ("++epochs=7", "epochs", 7),
        ("+epochs=7", "epochs", 7),
        ("epochs = 7", "epochs", 7),
    ],
)
def test_an_override_is_read_by_the_type_of_its_field(
    argument: str, key: str, expected: object, project: Any
) -> None:
    """Numbers, text as it stands, lists, mappings and quoted keys become what was meant."""
    assert expected == project.settings("Demo", argument)[key]


@pytest.mark.parametrize(
    ("argv", "key", "expected"),
    [
        (["--epochs", "5"], "epochs", 5),
        (["--rate", "-1.5"], "rate", -1.5),
        (["--verbose"], "verbose", True),
        (["--verbose", "false"], "verbose", False),
        (["--label", "a,b"], "label", "a,b"),
        (["--label", "null"], "label", "null"),
        (["--label", "${oc.env:HOME}"], "label", "${oc.env:HOME}"),
        (["--label", "'quoted'"], "label", "'quoted'"),
        (["--label=[1,2]"], "label", "[1,2]"),
        (["--folder", "null"], "folder", Path("null")),
        (["--layers", "[3, 4]"], "layers", [3, 4]),
        (["--weights", '{"a b": 1}', "--weights.c", "2"], "weights", {"a b": 1.0, "c": 2.0}),
        (["--weights['d e']=3"], "weights", {"d e": 3.0}),
        (["--model.depth=7"], "model", {"hidden": 64, "depth": 7}),
        (["--model", '{"hidden": 1}'], "model", {"hidden": 1, "depth": 2}),
        (["--scale", "3"], "learning", 3.0),
    ],
)
def test_a_literal_is_read_by_the_type_of_its_field(
    argv: list[str], key: str, expected: object, project: Any
) -> None:
    """`--key value` is never a sweep nor an interpolation, and JSON for containers."""
    assert expected == project.settings("Demo", *argv)[key]


def test_text_of_yaml_stays_text(project: Any) -> None:
    """Numbers without dot are numbers, dates are text, as OmegaConf reads them."""
    project.write({"conf/brevetti.yaml": "rate: 1e-3\nlabel: 2026-11-23\nversion: '1.10'\n"})

    found = project.settings("Demo")

    assert (0.001, "2026-11-23", "1.10") == (found["rate"], found["label"], found["version"])


def test_an_instance_as_default_lends_its_values(project: Any) -> None:
    """`Layer(units=64)` means 64 also where only another key of it is written, at every level."""
    found = project.settings(Network, "layer.size.width=9", "size.height=1", "optim.lr=2")

    assert {"units": 64, "size": {"width": 9, "height": 6}} == found["layer"]
    assert {"width": 3, "height": 1} == found["size"]
    assert {"kind": "adam", "lr": 2.0, "beta1": 0.5} == found["optim"]


def test_the_shown_tree_is_the_validated_one(project: Any) -> None:
    """What `--cfg` shows of partly written nodes is what the settings become."""
    composition = project.compose("layer.size.width=9", "optim.lr=2", settings=Network)
    found = project.settings(Network, "layer.size.width=9", "optim.lr=2")

    shown = {key: composition.tree[key] for key in found}
    assert found == shown


def test_optional_models_are_filled_from_their_class(project: Any) -> None:
    """Where the default is null, a partly written model takes its class's defaults."""
    found = project.settings(Network, "maybe.units=2", "child.either=4")

    assert {"units": 2, "size": {"width": 1, "height": 8}} == found["maybe"]
    assert 4 == found["child"]["either"]
    assert {"units": 64, "size": {"width": 5, "height": 6}} == found["child"]["layer"]


def test_a_switched_union_drops_what_lies_beneath(project: Any) -> None:
    """Keys of the old variant in lower layers go, and the new variant has its own defaults."""
    project.write(
        {
            "conf/brevetti.yaml": "defaults:\n- optim: adam\n- _self_\n",
            "conf/optim/adam.yaml": "kind: adam\nlr: 5.0\nbeta1: 0.7\n",
        }
    )

    assert {"kind": "adam", "lr": 5.0, "beta1": 0.7} == project.settings(Network)["optim"]
    switched = project.settings(Network, "optim.kind=sgd")["optim"]
    assert {"kind": "sgd", "lr": 5.0} == switched


def test_a_key_of_the_other_variant_is_an_error_on_the_same_layer(project: Any) -> None:
    """What contradicts itself on one line is not dropped silently."""
    text = project.error("optim.kind=sgd", "optim.beta1=.9", settings=Network)

    assert "no setting 'optim.beta1'" in text
    assert "argument 2: optim.beta1=.9" in text


def test_a_union_without_discriminator_takes_each_member(project: Any) -> None:
    """`Adam | int` takes a number and a mapping."""
    assert 5 == project.settings(Network, "either=5")["either"]
    assert 0.3 == project.settings(Network, "either.lr=0.3")["either"]["lr"]
    assert "'either.lr' must be a number" in project.error("either.lr=x", settings=Network)


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (["scale=3"], 3.0),
        (["learning_rate_scale=3"], 3.0),
        (["learning=3"], 3.0),
        (["scale=3", "learning=4"], 4.0),
        (["learning=4", "scale=3"], 3.0),
        (["scale=1", "learning_rate_scale=2"], 2.0),
    ],
)
def test_aliases_mean_their_field(argv: list[str], expected: float, project: Any) -> None:
    """A field's aliases and its name are one key; the last one written wins."""
    project.write({"conf/brevetti.yaml": "learning_rate_scale: 9\n"})

    assert expected == project.settings("Demo", *argv)["learning"]


@pytest.mark.parametrize(
    "key",
    ["zzz", "model.zzz", "image.zzz", "split.zzz", "plain.zzz", "plain.inner.zzz", "nodes.a.zzz"],
)
def test_unknown_keys_are_errors_at_every_level(key: str, project: Any) -> None:
    """Models, both kinds of dataclasses and models of others are closed, dict fields are open."""
    assert f"error[unknown-setting]: no setting '{key}'" in project.error(
        f"{key}=3", settings="Demo"
    )


def test_a_tilde_goes_back_to_the_default(project: Any) -> None:
    """`~key` takes away what YAML says; of a required setting that is an error."""
    project.write({"conf/brevetti.yaml": "epochs: 3\nmodel:\n  hidden: 5\n  depth: 6\n"})

    found = project.settings("Demo", "~epochs", "~model.hidden")

    assert (10, {"hidden": 64, "depth": 6}) == (found["epochs"], found["model"])
    project.write({"conf/brevetti.yaml": "label: x\ndata: {classes: 3}\n"})
    assert "error[missing-setting]: 'label'" in project.error("~label", settings="Required")


def test_a_tilde_with_a_value_takes_away_that_value_only(project: Any) -> None:
    """`~epochs=4` is an error where epochs is 3."""
    project.write({"conf/brevetti.yaml": "epochs: 3\n"})

    assert 10 == project.settings("Demo", "~epochs=3")["epochs"]
    assert "'epochs' is 3, not 4" in project.error("~epochs=4", settings="Demo")


def test_a_scalar_on_the_line_takes_away_the_mapping_beneath(project: Any) -> None:
    """Of `maybe=null maybe.units=2`, the first is not forgotten."""
    project.write({"conf/brevetti.yaml": "maybe:\n  units: 7\n  size: {width: 9}\n"})

    found = project.settings(Network, "maybe=null", "maybe.units=2")["maybe"]

    assert {"units": 2, "size": {"width": 1, "height": 8}} == found


def test_question_marks_are_a_missing_value(project: Any) -> None:
    """`???` covers nothing that lies beneath, and alone is missing."""
    project.write(
        {
            "conf/brevetti.yaml": "defaults:\n- g: a\n- _self_\nlabel: ???\n",
            "conf/g/a.yaml": "# @package _global_\nlabel: below\ndata:\n  classes: ???\n",
        }
    )

    assert "below" == project.compose(settings="Required").written.plain()["label"]
    assert "'data.classes' has no value" in project.error(settings="Required")


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ([], "info"),
        (["platform.settings_layer=below_yaml"], "yaml"),
        (["platform.settings_layer=above_yaml"], "info"),
        (["label=line"], "line"),
        (["label=line", "platform.settings_layer=below_yaml"], "line"),
        (["~label"], "a"),
    ],
)
def test_layers_lie_in_order(argv: list[str], expected: str, project: Any) -> None:
    """Class default, YAML, info.json, command line; `platform.settings_layer` moves the third."""
    project.write({"conf/brevetti.yaml": "label: yaml\n"})
    info = {"name": "x", "settings": {"label": "info"}}

    assert expected == project.settings("Demo", *argv, info=info)["label"]


@pytest.mark.parametrize(
    ("sent", "key", "expected"),
    [
        ("3", "epochs", 3),
        (3, "epochs", 3),
        ("2.5", "rate", 2.5),
        ("false", "verbose", False),
        ("[5, 6]", "layers", [5, 6]),
        ([5], "layers", [5]),
        ('{"a": 1}', "weights", {"a": 1.0}),
        ({"a": 1}, "weights", {"a": 1.0}),
        ("", "folder", None),
        ("", "label", ""),
        ("1.10", "label", "1.10"),
        ("${oc.env:HOME}", "label", "${oc.env:HOME}"),
        ('{"hidden": "5"}', "model", {"hidden": 5, "depth": 2}),
        ({"kind": "sgd", "lr": "0.5"}, "optim", {"kind": "sgd", "lr": 0.5, "momentum": 0.0}),
    ],
)
def test_what_a_platform_sends_is_read_by_type(
    sent: object, key: str, expected: object, project: Any
) -> None:
    """JSON text in strings, "" for null, and never an interpolation."""
    info = {"name": "x", "settings": {key: sent}}

    assert expected == project.settings("Demo", info=info)[key]


def test_unknown_settings_of_a_platform_are_warned_of(project: Any) -> None:
    """They are left out with a warning each, or errors where that is asked for."""
    info = {"name": "x", "settings": {"zzz": 1, "job": {"name": "n"}, "model": {"hiden": 3}}}

    validated = project.validate(settings="Demo", info=info)

    assert 3 == len(validated.warnings)
    assert "no setting" not in " ".join(validated.warnings)
    text = project.error("platform.unknown_settings=error", settings="Demo", info=info)
    assert 3 == text.count("error[unknown-setting]")


def test_every_key_knows_its_writers(project: Any) -> None:
    """Origins name the winner first, down to the class's default."""
    project.write({"conf/brevetti.yaml": "epochs: 3\nmodel:\n  hidden: 5\n"})

    origins = project.compose("epochs=4", settings="Demo").origins()

    assert ["argument 1: epochs=4", "conf/brevetti.yaml:1:1"] == origins["epochs"][:2]
    assert ["conf/brevetti.yaml:3:3"] == origins["model.hidden"][:1]
    assert ["default of Demo.model"] == origins["model.depth"]
    assert ["default of Demo.label"] == origins["label"]


@pytest.mark.parametrize(
    ("choice", "expected"),
    [("job=train:MyJob", "my_job"), ("job=j", "j"), ("job.name=n", "n")],
)
def test_the_job_has_a_name(choice: str, expected: str, project: Any) -> None:
    """`job.name`, else the option's name, else the class's."""
    project.write(
        {
            "pyproject.toml": "",
            "train.py": "from brevetti_hydra import Job\nclass MyJob(Job): pass\n",
            "conf/job/j.yaml": "_target_: train:MyJob\n",
        }
    )
    argv = [choice] if choice.startswith("job=") else ["job=j", choice]

    assert expected == project.compose(*argv).job_name


@pytest.mark.parametrize("text", ["", "# nothing\n", "# @package x.y\n", "{}\n"])
def test_an_option_without_content_adds_nothing(text: str, project: Any) -> None:
    """`logger: none` with an empty file is no setting that the class has to know."""
    project.write(
        {
            "conf/brevetti.yaml": "defaults:\n- logger: none\n- model: plain\n- _self_\n",
            "conf/logger/none.yaml": text,
            "conf/model/plain.yaml": "",
        }
    )
    if text == "{}\n":
        assert "no setting 'logger'" in project.error(settings="Demo")
    else:
        assert 10 == project.settings("Demo")["epochs"]


def test_an_option_of_a_defaults_list_alone_adds_nothing(project: Any) -> None:
    """A file that only chooses others writes no key of its own name."""
    project.write(
        {
            "conf/pack/big.yaml": "defaults:\n- /model@_global_.model: deep\n",
            "conf/model/deep.yaml": "depth: 9\n",
        }
    )

    assert 9 == project.settings("Demo", "+pack=big")["model"]["depth"]


class Nested(JobSettings):
    """A union of models that hold one."""

    kind: Literal["nested"] = "nested"
    inner: Annotated[Adam | Sgd, PydanticField(discriminator="kind")] = Adam()
    depth: int = 1


class Unions(JobSettings):
    """Discriminated unions wherever they may stand."""

    plain: Annotated[Adam | Sgd, PydanticField(discriminator="kind")] = Adam()
    maybe: Annotated[Adam | Sgd, PydanticField(discriminator="kind")] | None = None
    nested: Annotated[Adam | Nested, PydanticField(discriminator="kind")] = Nested()
    named: dict[str, Annotated[Adam | Sgd, PydanticField(discriminator="kind")]] = Field({})
    listed: list[Annotated[Adam | Sgd, PydanticField(discriminator="kind")]] = Field([])


UNIONS = """
plain: {kind: adam, beta1: 0.7}
maybe: {kind: adam, beta1: 0.7}
nested: {kind: nested, inner: {kind: adam, beta1: 0.7}, depth: 3}
named: {x: {kind: adam, beta1: 0.7}}
listed: [{kind: adam, beta1: 0.7}]
"""
SGD = {"kind": "sgd", "lr": 0.1}


@pytest.mark.parametrize(
    ("argument", "key", "expected"),
    [
        ("plain.kind=sgd", "plain", SGD),
        ("plain={kind: sgd}", "plain", SGD),
        ("plain.kind=adam", "plain", {"kind": "adam", "lr": 1e-3, "beta1": 0.7}),
        ("maybe.kind=sgd", "maybe", SGD),
        ("maybe=null", "maybe", None),
        ("nested.inner.kind=sgd", "nested", {"kind": "nested", "inner": SGD, "depth": 3}),
        ("nested.kind=adam", "nested", {"kind": "adam", "lr": 1e-3, "beta1": 0.9}),
        ("named.x.kind=sgd", "named", {"x": SGD}),
        ("named={x: {kind: sgd}}", "named", {"x": SGD}),
        ("listed=[{kind: sgd}]", "listed", [SGD]),
    ],
)
def test_a_switch_drops_the_old_variant_wherever_the_union_stands(
    argument: str, key: str, expected: object, project: Any
) -> None:
    """In models, Optional, unions of unions, mappings and lists."""
    project.write({"conf/brevetti.yaml": UNIONS})

    assert expected == project.settings(Unions, argument)[key]


@pytest.mark.parametrize(
    ("argv", "key"),
    [
        (["plain.kind=sgd", "plain.beta1=.9"], "plain"),
        (["plain.beta1=.9", "plain.kind=sgd"], "plain"),
        (["maybe.kind=sgd", "maybe.beta1=.9"], "maybe"),
        (["nested.inner.kind=sgd", "nested.inner.beta1=.9"], "nested.inner"),
        (["named.x.kind=sgd", "named.x.beta1=.9"], "named.x"),
        (["listed=[{kind: sgd, beta1: .9}]"], "listed[0]"),
    ],
)
def test_a_key_of_the_old_variant_on_the_same_line_is_an_error(
    argv: list[str], key: str, project: Any
) -> None:
    """The report says which variant has the key, and which one is chosen."""
    project.write({"conf/brevetti.yaml": UNIONS})

    report = project.error(*argv, settings=Unions)

    assert f"no setting '{key}.beta1'" in report
    assert f"it belongs to {key}.kind=adam, but {key}.kind is 'sgd'" in report


@pytest.mark.parametrize("argument", ["plain.kind=adam", "plain.kind=sgd"])
def test_a_typo_beneath_a_switch_is_not_dropped(argument: str, project: Any) -> None:
    """A key that no variant knows stays, and is refused at its place."""
    project.write({"conf/brevetti.yaml": "plain: {kind: adam, beta_1: 0.7}\n"})

    assert "no setting 'plain.beta_1'\n  --> conf/brevetti.yaml:1:" in project.error(
        argument, settings=Unions
    )


def _kind(value: Any) -> str:
    return "sgd" if "momentum" in (value if isinstance(value, dict) else vars(value)) else "adam"


class Bare(pydantic.BaseModel):
    beta: float = 0.9


class Pushed(pydantic.BaseModel):
    momentum: float = 0.1


class Called(JobSettings):
    """A union that is told apart by a function."""

    optim: Annotated[
        Annotated[Bare, pydantic.Tag("adam")] | Annotated[Pushed, pydantic.Tag("sgd")],
        pydantic.Discriminator(_kind),
    ] = Bare()


def test_a_union_told_apart_by_a_function_merges_as_a_mapping(project: Any) -> None:
    """Nobody but the function knows the variant: keys of lower layers stay until taken away."""
    project.write({"conf/brevetti.yaml": "optim: {beta: 0.7}\n"})

    assert {"beta": 0.7} == project.settings(Called)["optim"]
    assert "no setting 'optim.beta'" in project.error("optim.momentum=0.3", settings=Called)
    found = project.settings(Called, "~optim.beta", "optim.momentum=0.3")
    assert {"momentum": 0.3} == found["optim"]


class Head(JobSettings):
    units: int = 4
    activation: str = "relu"


class WithHeads(JobSettings):
    heads: dict[str, Head] = Field({})


def test_the_values_of_an_open_mapping_have_their_defaults(project: Any) -> None:
    """Each model in a mapping is composed with what nobody wrote of it, as a nested one is."""
    project.write({"conf/brevetti.yaml": "heads:\n  a:\n    units: 8\n"})

    composition = project.compose("heads.b={}", settings=WithHeads)

    expected = {
        "a": {"units": 8, "activation": "relu"},
        "b": {"units": 4, "activation": "relu"},
    }
    assert expected == composition.tree["heads"]
    assert ["default of Head.activation"] == composition.origins()["heads.a.activation"]
