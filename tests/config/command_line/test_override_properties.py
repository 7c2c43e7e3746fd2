"""Overrides of generated settings: their order, and those that have no effect."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import Field as PydanticField
from pydantic import create_model

from brevetti_hydra import Field, Job, JobSettings
from brevetti_hydra.config import compose, read_argv, validate
from brevetti_hydra.config.effects import find_ineffective, short_command
from brevetti_hydra.errors import BrevettiHydraError, ConfigErrors

if TYPE_CHECKING:
    from collections.abc import Iterator


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    lr: float = 0.1
    beta: float = 0.9


class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    lr: float = 0.2
    momentum: str = "none"


Optimizer = Annotated[Adam | Sgd, PydanticField(discriminator="kind")]

# Type, default, and texts that may stand behind '='; the last two mean the same.
LEAVES: dict[str, tuple[Any, Any, list[str]]] = {
    "int": (int, 3, ["3", "4", "5", "+5"]),
    "float": (float, 0.5, ["0.5", "1e-3", ".25", "0.25"]),
    "text": (str, "a", ["a", "1.10", "b c", "'b c'"]),
    "flag": (bool, False, ["false", "true", "yes", "on"]),
    "list": (list[int], [1, 2], ["[1,2]", "[]", "[3]", "[ 3 ]"]),
    "maybe": (int | None, None, ["null", "3", "4", "4"]),
    "map": (dict[str, int], {"x": 1}, ["{x: 1}", "{y: 2}", "{}", "{y: 3}"]),
    "union": (Optimizer, Adam(), ["{kind: sgd}", "{kind: adam}", "{kind: sgd, lr: 3}"]),
}
# What may be set below a leaf.
BELOW = {
    "map": ["x=1", "y=4", "z=5"],
    "union": ["kind=sgd", "kind=adam", "lr=3", "beta=0.7", "momentum=1.10"],
}


class Case:
    """A generated class, what a file says of it, and overrides.

    Attributes:
        settings: The settings class.
        tree: What `conf/brevetti.yaml` says.
        options: What the options `g/a` and `g/b` say.
        argv: Overrides; no key stands above another.
    """

    def __init__(self, shape: dict[str, Any], files: list[dict[str, Any]], argv: list[str]) -> None:
        self.settings = model_of(shape)
        self.tree, *self.options = files
        self.argv = argv

    def __repr__(self) -> str:
        fields = {name: str(f.annotation) for name, f in self.settings.model_fields.items()}
        return f"Case({fields}, {self.tree}, {self.options}, {self.argv})"

    def write(self, folder: Path) -> None:
        defaults = [{"g": "a"}, {"optional h": None}, "_self_"]
        group = folder / "conf" / "g"
        group.mkdir(parents=True)
        (folder / "conf" / "brevetti.yaml").write_text(
            yaml.safe_dump({"defaults": defaults, **self.tree})
        )
        for name, tree in zip("ab", self.options, strict=True):
            header = "# @package _global_\n"
            (group / f"{name}.yaml").write_text(header + (yaml.safe_dump(tree) if tree else ""))


def model_of(shape: dict[str, Any]) -> type[JobSettings]:
    fields: dict[str, Any] = {}
    for name, kind in shape.items():
        if isinstance(kind, dict):
            inner = model_of(kind)
            fields[name] = (inner, Field(default_factory=inner))
        else:
            fields[name] = (LEAVES[kind][0], Field(LEAVES[kind][1]))
    return create_model("Generated", __base__=JobSettings, **fields)


def leaves(shape: dict[str, Any], above: str = "") -> Iterator[tuple[str, str]]:
    for name, kind in shape.items():
        if isinstance(kind, dict):
            yield from leaves(kind, f"{above}{name}.")
        else:
            yield f"{above}{name}", kind


SHAPES = st.recursive(
    st.sampled_from(list(LEAVES)),
    lambda inner: st.dictionaries(st.sampled_from("abcde"), inner, min_size=1, max_size=4),
    max_leaves=7,
).filter(lambda shape: isinstance(shape, dict))


@st.composite
def trees(draw: st.DrawFn, shape: dict[str, Any]) -> dict[str, Any]:
    """Draw what a file may say: some of the keys."""
    tree: dict[str, Any] = {}
    for name, kind in shape.items():
        if not draw(st.booleans()):
            continue
        if isinstance(kind, dict):
            tree[name] = draw(trees(kind))
        else:
            text = draw(st.sampled_from(LEAVES[kind][2][:2]))
            tree[name] = text if kind == "text" else yaml.safe_load(text.replace("1e-3", "0.001"))
    return tree


@st.composite
def cases(draw: st.DrawFn, *, repeated: bool = False) -> Case:
    """Draw a case; with `repeated`, overrides may replace each other."""
    shape: Any = draw(SHAPES)
    files = [draw(trees(shape)) for _ in range(3)]
    argv: list[str] = draw(st.lists(st.sampled_from(["g=a", "g=b"]), max_size=3 if repeated else 1))
    for key, kind in leaves(shape):
        for _ in range(draw(st.integers(0, 2 if repeated else 1))):
            argv += draw(overrides(key, kind))
    return Case(shape, files, draw(st.permutations(argv)))


@st.composite
def overrides(draw: st.DrawFn, key: str, kind: str) -> list[str]:
    form = draw(st.sampled_from(["set", "set", "plus", "literal", "delete", "below"]))
    if form == "below" and kind in BELOW:
        parts = draw(
            st.lists(st.sampled_from(BELOW[kind]), unique_by=lambda t: t.partition("=")[0])
        )
        signs = [draw(st.sampled_from(["", "", "+", "~"])) for _ in parts]
        return [
            f"~{key}.{p.partition('=')[0]}" if sign == "~" else f"{sign}{key}.{p}"
            for sign, p in zip(signs, parts, strict=True)
        ]
    if form == "delete":
        return [f"~{key}"]
    text = draw(st.sampled_from(LEAVES[kind][2]))
    if form == "literal" and kind in {"int", "float", "flag"}:
        return [f"--{key}={text.replace('+', '')}"]
    return [f"{'+' if form == 'plus' else ''}{key}={text}"]


def job_of(model: type[JobSettings]) -> type[Job]:
    return type("Generated", (Job,), {"__annotations__": {"settings": model}})


def outcome(folder: Path, job: type[Job], argv: list[str]) -> Any:
    """Give the settings, or what is wrong with them, sorted."""
    try:
        composition = compose(read_argv(argv), folder=folder, base=Job, job_class=job)
        return validate(composition).settings.model_dump()
    except ConfigErrors as error:
        return sorted((each.code, each.message) for each in error.errors)
    except BrevettiHydraError as error:
        return [(error.code, error.message)]


@settings(max_examples=120)
@given(case=cases(), data=st.data())
def test_the_order_of_disjoint_overrides_does_not_matter(case: Case, data: st.DataObject) -> None:
    """Settings or mistakes are the same in every order: dicts, unions, ~key and options too."""
    other = data.draw(st.permutations(case.argv))
    with tempfile.TemporaryDirectory() as name:
        case.write(Path(name))
        job = job_of(case.settings)

        assert outcome(Path(name), job, case.argv) == outcome(Path(name), job, other)


@settings(max_examples=120)
@given(case=cases(repeated=True))
def test_the_shortened_line_gives_the_same_settings(case: Case) -> None:
    """Overrides that are left out had no effect, alone and together."""
    with tempfile.TemporaryDirectory() as name:
        case.write(Path(name))
        job = job_of(case.settings)
        whole = outcome(Path(name), job, case.argv)
        if isinstance(whole, list):
            return
        request = read_argv(case.argv)
        composition = compose(request, folder=Path(name), base=Job, job_class=job)
        left_out = find_ineffective(composition, request, Job)
        short = short_command(["prog", *case.argv], request, left_out)[1:]

        assert len(case.argv) - len(left_out) == len(short)
        assert whole == outcome(Path(name), job, short)


class Plain(JobSettings):
    lr: float = 0.1
    epochs: int = 10
    label: str = "a"
    optim: Optimizer = Adam()
    weights: dict[str, float] = Field({})
    made: list[int] = Field(default_factory=list)


FILES = {
    "conf/brevetti.yaml": "defaults: [g: a, _self_]\nepochs: 5\noptim: {kind: adam, beta: 0.5}\n",
    "conf/g/a.yaml": "",
    "conf/g/b.yaml": "# @package _global_\nlabel: b\n",
}


@pytest.mark.parametrize(
    ("line", "short"),
    [
        ("lr=1 lr=2", "lr=2"),
        ("lr=1 --lr 2", "--lr 2"),
        ("--lr 2 lr=1", "lr=1"),
        ("lr = 1 lr=2", "lr=2"),
        ("lr=0.1", ""),
        ("lr=.1", ""),
        ("epochs=5", ""),
        ("epochs=10", "epochs=10"),
        ("epochs=7 epochs=5", ""),
        ("epochs=7 ~epochs", "~epochs"),
        ("lr=7 ~lr", ""),
        ("~lr", ""),
        ("g=b g=a", ""),
        ("g=a g=b", "g=b"),
        ("g=a lr=3", "lr=3"),
        ("g=b label=b", "g=b"),
        ("g=b label=a", "g=b label=a"),
        ("optim.kind=adam", ""),
        ("optim.kind=sgd", "optim.kind=sgd"),
        ("optim.kind=sgd optim.kind=adam", ""),
        ("optim.kind=sgd optim.lr=0.2", "optim.kind=sgd"),
        ("weights.a=1 weights={}", "weights.a=1"),
        ("weights={a: 1} weights.a=2", "weights.a=2"),
        ("weights={a: 1} weights.b=2", "weights={a: 1} weights.b=2"),
        ("made=[]", ""),
        ("made=[1]", "made=[1]"),
        ("run.seed=0 run.note=x", "run.note=x"),
        ("label=${oc.env:HOME} label=b", "label=b"),
        ("label=${hydra:job.override_dirname} lr=1 lr=2", None),
    ],
)
def test_overrides_without_effect_are_found(line: str, short: str | None, project: Any) -> None:
    """Replaced, taken away, or what stands there anyway; never one that matters."""
    import re

    argv = re.findall(r"\S+=\{[^}]*\}|\S+", line)
    project.write(FILES)
    request = read_argv(argv)
    composition = project.compose(*argv, settings=Plain)

    left_out = find_ineffective(composition, request, Job)

    expected = line if short is None else short
    assert expected == " ".join(short_command(["prog", *argv], request, left_out)[1:])


def test_each_reason_is_said(project: Any) -> None:
    """A later one replaces it, a later one takes it away, or it is so without it."""
    argv = ["lr=1", "lr=2", "label=x", "~label", "run.seed=0", "g=b", "g=a"]
    project.write(FILES)

    found = find_ineffective(project.compose(*argv, settings=Plain), read_argv(argv), Job)

    assert {
        "lr=1": "a later one replaces it",
        "label=x": "a later one takes it away",
        "~label": "it is so without it",
        "run.seed=0": "it is so without it",
        "g=b": "a later one replaces it",
        "g=a": "it is so without it",
    } == {each.argument.shown: each.reason for each in found}
