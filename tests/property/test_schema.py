"""The schema for editors and the harness agree on generated settings classes.

Whatever the harness takes, the schema takes: random values of every kind, odd spellings among them.
And a file with one mistake of a kind that both can see is refused by both.
"""

from __future__ import annotations

import dataclasses
import datetime as dt
import decimal
import enum
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import jsonschema
import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import AfterValidator, BeforeValidator, Field, RootModel, create_model

from brevetti_hydra import Job, JobSettings
from brevetti_hydra.config import compose, read_argv, validate
from brevetti_hydra.config.editor.tree_schema import KnownJob, tree_schema
from brevetti_hydra.config.models.job_shapes import class_shapes
from brevetti_hydra.config.project import find_project
from brevetti_hydra.config.tree.documents import parse_document
from brevetti_hydra.errors import BrevettiHydraError
from brevetti_hydra.settings import Secret

if TYPE_CHECKING:
    from collections.abc import Iterator


class Kind(NamedTuple):
    """A type with its default, values that fit, and values that neither side may take."""

    annotation: Any
    default: Any
    fitting: st.SearchStrategy[Any]
    wrong: st.SearchStrategy[Any]


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    beta: float = Field(0.9, ge=0, lt=1)


class Sgd(JobSettings):
    kind: Literal["sgd", "nag"] = "sgd"
    momentum: float = 0.0


class Tree(JobSettings):
    depth: int = Field(1, ge=0)
    below: Tree | None = None
    children: list[Tree] = Field([])


class Needs(JobSettings):
    name: str
    size: int = 3


@dataclasses.dataclass
class Crop:
    left: int = 0
    top: float = 0.5


class Names(RootModel[list[str]]):
    """Written as a list."""


TEXTS = st.sampled_from(["a", "long text", "é ü", "1.5", "yes", "2026-01-01", "${n}", "a ${n} b"])
NO_SCALARS = st.sampled_from([[], [1], {"a": 1}, {}])
FAR_FROM_NUMBERS = st.one_of(NO_SCALARS, st.sampled_from(["many", "1,5", "12 px", "--1", ""]))
INTS = st.one_of(st.integers(0, 9), st.sampled_from([3.0, "4", " 5 ", "+6", "1_0", "7.0", "${n}"]))
FLOATS = st.one_of(
    st.integers(0, 9),
    st.floats(0, 10, width=32),
    st.sampled_from(["1e-3", "1E3", ".5", "5.", "inf", "-Infinity", "nan", "${n}"]),
)
BOOLS = st.sampled_from([True, False, 0, 1, "yes", "OFF", "True", "t", "0"])
UNION = Annotated[Adam | Sgd, Field(discriminator="kind")]
VARIANTS = st.one_of(
    st.fixed_dictionaries({"kind": st.just("adam")}, optional={"beta": st.floats(0, 0.5)}),
    st.fixed_dictionaries({"kind": st.sampled_from(["sgd", "nag"])}, optional={"momentum": FLOATS}),
)
# A file may leave the choice to another one, or to the default.
PARTS = st.fixed_dictionaries({}, optional={"beta": st.floats(0, 0.5)})
WRONG_VARIANTS = st.sampled_from(
    [
        {"kind": "adam", "momentum": 0.5},
        {"kind": "nag", "beta": 0.5},
        {"kind": "rmsprop"},
        {"kind": "adam", "beta": 1},
        {"kind": "adam", "bta": 0.5},
        {"beta": 0.5, "momentum": 0.5},
        [],
        "adam",
        3,
    ]
)
TREES = st.fixed_dictionaries(
    {},
    optional={
        "depth": INTS,
        "below": st.one_of(st.none(), st.fixed_dictionaries({}, optional={"depth": INTS})),
        "children": st.lists(st.fixed_dictionaries({}, optional={"depth": INTS}), max_size=2),
    },
)

KINDS: dict[str, Kind] = {
    "integer": Kind(int, 1, INTS, st.one_of(FAR_FROM_NUMBERS, st.sampled_from([1.5, True, None]))),
    "bounded": Kind(
        Annotated[int, Field(gt=-1, le=100, multiple_of=2)],
        2,
        st.sampled_from([0, 2, 100, 4.0, "6", "${n}"]),
        st.sampled_from([-1, -2, 101, 102, 3, "x", False]),
    ),
    "number": Kind(float, 1.0, FLOATS, st.one_of(FAR_FROM_NUMBERS, st.sampled_from([True, None]))),
    "share": Kind(
        Annotated[float, Field(ge=0, lt=1)],
        0.5,
        st.one_of(st.floats(0, 0.99), st.sampled_from([0, "0.5", "1e-3"])),
        st.sampled_from([1, 1.0, -0.001, 2, -5, [0.5]]),
    ),
    "flag": Kind(bool, False, BOOLS, st.sampled_from([2, -1, "maybe", None, [], 0.5])),
    "text": Kind(str, "", TEXTS, st.one_of(NO_SCALARS, st.sampled_from([1, 1.5, True, None]))),
    "short": Kind(
        Annotated[str, Field(min_length=2, max_length=4, pattern="^[a-z]+$")],
        "ab",
        st.sampled_from(["ab", "abcd", "xyz"]),
        st.sampled_from(["a", "abcde", "", "AB", "ab1", 12]),
    ),
    "mode": Kind(
        Literal["fast", "slow", 3],
        "fast",
        st.sampled_from(["fast", "slow", 3]),
        st.sampled_from(["fats", "FAST", 4, None, [], "3"]),
    ),
    "colour": Kind(
        Colour, Colour.RED, st.sampled_from(["red", "blue"]), st.sampled_from(["RED", 1, None, {}])
    ),
    "maybe": Kind(
        int | None, None, st.one_of(st.none(), INTS), st.sampled_from(["none", [], 1.5, "x"])
    ),
    "path": Kind(Path, Path(), TEXTS, st.sampled_from([3, True, [], None])),
    "secret": Kind(Secret, Secret(""), TEXTS, st.sampled_from([3, [], {}, None])),
    "whatever": Kind(Any, None, st.one_of(TEXTS, NO_SCALARS, st.none(), FLOATS), st.nothing()),
    "mixed": Kind(
        int | list[str] | None,
        None,
        st.one_of(st.integers(), st.just(["a"]), st.none()),
        st.sampled_from([{}, [1], "text", 1.5]),
    ),
    "layers": Kind(
        Annotated[list[int], Field(min_length=1, max_length=3)],
        [1],
        st.one_of(st.lists(INTS, min_size=1, max_size=3), st.just("${some}")),
        st.sampled_from([[], [1, 2, 3, 4], ["x"], {}, 3, "1", None, [1.5]]),
    ),
    "inner_bounds": Kind(
        list[Annotated[int, Field(ge=0)]], [], st.lists(INTS), st.sampled_from([[-1], [0, -3]])
    ),
    "pair": Kind(
        tuple[int, str],
        (1, "a"),
        st.tuples(st.integers(), TEXTS).map(list),
        st.sampled_from([[1], [1, "a", 2], ["a", 1], [], "a", {}]),
    ),
    "many": Kind(
        tuple[float, ...], (), st.lists(FLOATS), st.sampled_from([["x"], 3, {"a": 1}, [True, []]])
    ),
    "names": Kind(set[str], set(), st.lists(TEXTS), st.sampled_from([[1], "a", {}, None])),
    "written_as_list": Kind(Names, Names([]), st.lists(TEXTS), st.sampled_from([{}, [1], "a"])),
    "weights": Kind(
        dict[str, float],
        {},
        st.dictionaries(st.sampled_from(["a", "b c", "é"]), FLOATS),
        st.sampled_from([[], 3, "a", {"a": "x"}, {"a": None}, {"a": {}}]),
    ),
    "by_colour": Kind(
        dict[Literal["red", "blue"], int],
        {},
        st.dictionaries(st.sampled_from(["red", "blue"]), INTS),
        st.sampled_from([{"green": 1}, {"red": "x"}, []]),
    ),
    "optim": Kind(UNION, Adam(), st.one_of(VARIANTS, PARTS), WRONG_VARIANTS),
    "maybe_optim": Kind(UNION | None, None, st.one_of(st.none(), VARIANTS), WRONG_VARIANTS),
    "tree": Kind(
        Tree,
        Tree(),
        TREES,
        st.sampled_from(
            [{"dpth": 1}, {"depth": -1}, {"below": {"depth": "x"}}, {"children": [{"x": 1}]}, []]
        ),
    ),
    "crop": Kind(
        Crop,
        Crop(),
        st.fixed_dictionaries({}, optional={"left": INTS, "top": FLOATS}),
        st.sampled_from([{"right": 1}, {"left": "x"}, 3, "crop", [1], None]),
    ),
    "crops": Kind(
        dict[str, Crop],
        {},
        st.just({"a": {"left": 1}}),
        st.sampled_from([{"a": {"x": 1}}, {"a": 1}]),
    ),
    "items": Kind(
        list[Needs],
        [],
        st.lists(st.fixed_dictionaries({"name": TEXTS}, optional={"size": INTS}), max_size=2),
        st.sampled_from([[{"name": 3}], [{"name": "a", "sze": 1}], [3], {"name": "a"}]),
    ),
    "day": Kind(dt.date, dt.date(2026, 1, 1), st.just("2026-02-03"), st.sampled_from([[], {}])),
    "price": Kind(
        decimal.Decimal, decimal.Decimal(1), st.sampled_from(["1.5", 2, 0.5]), NO_SCALARS
    ),
    "key": Kind(uuid.UUID, uuid.UUID(int=1), st.just(str(uuid.UUID(int=5))), st.just([3])),
    "before": Kind(
        Annotated[list[str], BeforeValidator(lambda v: v.split(",") if isinstance(v, str) else v)],
        [],
        st.sampled_from(["a,b", ["a"]]),
        st.nothing(),
    ),
    "after": Kind(
        Annotated[int, AfterValidator(lambda value: value)], 1, INTS, st.sampled_from(["x", {}])
    ),
}


@st.composite
def models(draw: st.DrawFn) -> tuple[type[JobSettings], dict[str, Kind]]:
    """Draw a settings class, some of its fields in a nested one."""
    names = draw(st.lists(st.sampled_from(sorted(KINDS)), min_size=1, max_size=5, unique=True))
    kinds = {name: KINDS[name] for name in names}
    fields: Any = {name: (kind.annotation, kind.default) for name, kind in kinds.items()}
    model = create_model("Drawn", __base__=JobSettings, **fields, n=(int, 3), some=(list[int], [2]))
    return model, kinds


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name).resolve()
        (path / "conf").mkdir()
        yield path


def judge(model: type[JobSettings], content: dict[str, Any], folder: Path) -> tuple[str, str]:
    """Give what the harness and what the schema have against a file; "" for nothing."""
    text = yaml.safe_dump(content, allow_unicode=True)
    (folder / "conf" / "brevetti.yaml").write_text(text, encoding="utf-8")
    job_class = type("DrawnJob", (Job,), {"__annotations__": {"settings": model}})
    by_harness = by_schema = ""
    try:
        validate(compose(read_argv([]), folder=folder, base=Job, job_class=job_class))
    except BrevettiHydraError as error:
        by_harness = str(error)
    job = KnownJob("drawn", class_shapes(job_class))
    schema = tree_schema([job], [()], {}, is_open=False)
    jsonschema.Draft7Validator.check_schema(schema)
    document = parse_document(text, "brevetti.yaml", find_project(folder).budget)
    found = jsonschema.Draft7Validator(schema).iter_errors(document.tree.plain())
    by_schema = "; ".join(error.message for error in found)
    return by_harness, by_schema


FIXED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]


@settings(max_examples=120, deadline=None, suppress_health_check=FIXED)
@given(drawn=models(), picks=st.data())
def test_what_the_harness_takes_the_schema_takes(
    drawn: tuple[type[JobSettings], dict[str, Kind]], picks: st.DataObject, folder: Path
) -> None:
    """A file that is valid is not marked in the editor, however its values are spelled."""
    model, kinds = drawn
    odd = st.one_of(*(kind.wrong for kind in KINDS.values()), st.just("???"))
    content = {
        name: picks.draw(st.one_of(kind.fitting, kind.fitting, kind.fitting, odd), label=name)
        for name, kind in kinds.items()
    }

    by_harness, by_schema = judge(model, content, folder)

    if not by_harness:
        assert by_schema == "", content


@pytest.mark.parametrize("name", sorted(KINDS))
@settings(max_examples=12, deadline=None, suppress_health_check=FIXED)
@given(picks=st.data())
def test_values_that_fit_are_taken_by_both(name: str, picks: st.DataObject, folder: Path) -> None:
    """The values that the other tests call fitting are: of each kind neither side refuses one."""
    kind = KINDS[name]
    fields: Any = {name: (kind.annotation, kind.default)}
    model = create_model("Drawn", __base__=JobSettings, **fields, n=(int, 3), some=(list[int], [2]))
    value = picks.draw(kind.fitting)

    by_harness, by_schema = judge(model, {name: value}, folder)

    assert by_schema == "", value
    # A reference may refer to a number where a text is wanted.
    assert by_harness == "" or "${" in str(value), value


@settings(max_examples=120, deadline=None, suppress_health_check=FIXED)
@given(drawn=models(), picks=st.data())
def test_one_mistake_is_refused_by_both(
    drawn: tuple[type[JobSettings], dict[str, Kind]], picks: st.DataObject, folder: Path
) -> None:
    """A wrong value, or a key that nobody knows, is refused by the run and marked in the editor."""
    model, kinds = drawn
    breakable = [name for name, kind in kinds.items() if not kind.wrong.is_empty]
    content = {name: picks.draw(kind.fitting, label=name) for name, kind in kinds.items()}
    place = picks.draw(st.sampled_from([*breakable, "a typo"]))
    content[place] = 1 if place == "a typo" else picks.draw(kinds[place].wrong, label="mistake")

    by_harness, by_schema = judge(model, content, folder)

    assert (True, True) == (by_harness != "", by_schema != ""), (content, by_harness, by_schema)
