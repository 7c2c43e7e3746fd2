"""A composition made from a pattern is the one that the full way gives, in everything."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from pydantic import model_validator

from brevetti_hydra import Field, Job, JobSettings, Secret
from brevetti_hydra.config import Composition, compose, read_argv, secret_texts, validate
from brevetti_hydra.config.compose import Pattern
from brevetti_hydra.config.files.search import plan
from brevetti_hydra.config.opened import Opened
from brevetti_hydra.config.recorded import recorded_tree
from brevetti_hydra.errors import BrevettiHydraError

if TYPE_CHECKING:
    from pathlib import Path


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    rate: float = 0.1


class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    rate: float = 0.5
    momentum: float = 0.0


class Model(JobSettings):
    hidden: int = Field(8, gt=0, alias="units")
    label: str = "m"
    wide: bool = False


@dataclasses.dataclass
class Crop:
    size: int = 3
    name: str | None = None


class Settings(JobSettings):
    lr: float = Field(0.1, gt=0)
    count: int | str = 1
    text: str = "a"
    anything: Any = None
    twice: float = Field(default_factory=lambda known: known["lr"] * 2)
    model: Model = Model(units=16)
    crop: Crop = Field(default_factory=Crop)
    optim: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    weights: dict[str, float] = Field({"a": 1.0})
    layers: list[int] = Field([1])
    token: Secret = Secret("hunter2-default")

    @model_validator(mode="after")
    def _bounded(self) -> Settings:
        if self.lr > 1000 and self.model.wide:
            message = "too wide for that rate"
            raise ValueError(message)
        return self


class PatternJob(Job):
    settings: Settings

    def run(self) -> None:
        """Do nothing."""


FILES = {
    "brevetti.yaml": "defaults:\n- platform: local\n- g: a\n- _self_\n"
    "copied: 1\nlr: 0.2\ntext: ${model.label}-${hydra:job.override_dirname}\nweights: {b: 2}\n",
    "g/a.yaml": "# @package _global_\nmodel: {hidden: 5}\nanything: ${lr}\n",
    "g/b.yaml": "# @package _global_\nmodel: {label: from_b, wide: true}\noptim: {kind: sgd}\n",
}
KEYS = [
    *("lr", "count", "text", "anything", "twice", "model.hidden", "model.units", "model.label"),
    *("model.wide", "crop.size", "crop.name", "crop", "optim.kind", "optim.rate", "optim.momentum"),
    *("weights.a", "weights['x y']", "weights", "layers", "layers.0", "token", "run.seed"),
    *("run.name", "run", "job.name", "platform.settings_layer", "no_such", "hydra.verbose", "g"),
]
VALUES = [
    *("1", "2", "-1", "0.5", "1e4", "true", "null", "None", "a", "b", "1.10", "'q, x'", "???"),
    *("adam", "sgd", "${lr}", "${hydra:job.name}", "${oc.env:PATTERN_X}", "[1,2]", "{a: 3}"),
    *("hunter2-hunter2", "", "https://u:hunter2-url@h/x", "[", "{hidden: 2}", "above_yaml"),
]
SCALARS = ["lr", "count", "text", "anything", "model.label", "crop.size", "weights.a", "run.seed"]


def pairs(forms: list[str], keys: list[str], values: list[str]) -> st.SearchStrategy[list[str]]:
    """Give two arguments of one form: that of the pattern, and that of the other line."""
    form = st.builds(lambda form, key: (form, key), st.sampled_from(forms), st.sampled_from(keys))
    two = st.lists(st.sampled_from(values), min_size=2, max_size=2)
    return st.builds(lambda form, two: [form[0].format(form[1], each) for each in two], form, two)


ANY = pairs(["{}={}", "+{}={}", "++{}={}", "--{}={}", "~{}"], KEYS, VALUES)
PLAIN = pairs(["{}={}", "--{}={}"], SCALARS, VALUES[:14])
LINES = st.lists(st.one_of(PLAIN, PLAIN, ANY), min_size=1, max_size=4)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Opened:
    """Write a project, and open its search path."""
    folder: Path = tmp_path_factory.mktemp("pattern")
    for name, text in FILES.items():
        path = folder / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("copied: 1\n", ""), encoding="utf-8")
    return Opened(read_argv([]), folder)


def composed(opened: Opened, words: list[str]) -> Composition:
    return compose(
        read_argv(words),
        folder=opened.folder,
        base=Job,
        job_class=PatternJob,
        target=f"{__name__}:PatternJob",
        opened=opened,
    )


def everything(composition: Composition) -> dict[str, Any]:
    """Give all that anybody asks of a composition; validated last, as that writes into it."""
    found: dict[str, Any] = {
        "written": composition.written.plain(),
        "tree": composition.tree,
        "origins": composition.origins(),
        "notices": composition.notices,
        "choices": composition.choices,
        "resolved": composition.resolution.values,
        "texts": composition.resolution.texts,
        "hidden": composition.resolution.from_environment,
        "secrets": secret_texts(composition),
        "name": composition.job_name,
        "shown": [argument.shown for argument in composition.arguments],
        "dropped": [(each.path, each.reason, each.node.plain()) for each in composition.dropped],
    }
    try:
        validated = validate(composition)
    except BrevettiHydraError as error:
        return {**found, "mistakes": str(error)}
    found["settings"] = validated.settings
    found["settings_json"] = validated.settings_json
    found["nodes"] = (validated.job, validated.platform, validated.run)
    found["recorded"] = recorded_tree(composition)
    return {**found, "origins_after": composition.origins()}


@given(lines=LINES)
@settings(max_examples=150)
def test_a_pattern_gives_what_the_full_way_gives(lines: list[list[str]], opened: Opened) -> None:
    """Whatever a line changes of another: the same tree, origins, settings, record and mistakes."""
    try:
        known = composed(opened, [first for first, _ in lines])
        other = [second for _, second in lines]
        pattern = Pattern(known, plan(opened.search, known.arguments).values)
        # As a plan does: the first point is validated before others are made from it.
        everything(known)
        expected = composed(opened, other)
    except BrevettiHydraError:
        return

    pairs_of = zip(known.arguments, read_argv(other).arguments, strict=True)
    arguments = tuple(one if one.text == new.text else new for one, new in pairs_of)

    made = pattern.compose(arguments)

    event("made" if made is not None else "full way")
    if made is not None:
        assert everything(expected) == everything(made)


@pytest.mark.parametrize(
    "key",
    [
        *("lr=1", "count=1", "text=x", "anything=1", "model.label=x", "model.wide=true"),
        *("crop.size=1", "weights.a=1", "weights['x y']=1", "optim.rate=1", "run.seed=1"),
        *("--lr=1", "+lr=1"),
    ],
)
def test_plain_values_take_the_fast_way(key: str, opened: Opened) -> None:
    """A pattern serves settings of scalars, at any depth and in every spelling."""
    known = composed(opened, [key])
    pattern = Pattern(known, list(known.arguments))

    assert pattern.compose(read_argv([f"{key.partition('=')[0]}=0"]).arguments) is not None


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (["g=a"], ["g=b"]),
        (["lr=1"], ["count=1"]),
        (["lr=1"], ["--lr=2"]),
        (["lr=1", "text=x"], ["lr=1"]),
        (["optim.kind=adam"], ["optim.kind=sgd"]),
        (["token=hunter2-one"], ["token=hunter2-two"]),
        (["text=x"], ["text=${lr}"]),
        (["lr=1", "lr=2"], ["lr=3", "lr=2"]),
        (["job.name=x"], ["job.name=y"]),
        (["model.units=1"], ["model.units=[2]"]),
    ],
)
def test_what_may_mean_more_takes_the_full_way(
    first: list[str], second: list[str], opened: Opened
) -> None:
    """Groups, unions, secrets, references and names of runs are composed as a whole."""
    known = composed(opened, first)
    pattern = Pattern(known, [each for each in known.arguments if each.key != "g"])

    assert pattern.compose(read_argv(second).arguments) is None
