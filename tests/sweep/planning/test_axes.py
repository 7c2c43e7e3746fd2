"""The axes of a line: every form of Hydra's grammar, pairs, and what they span."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.config import read_argv
from brevetti_hydra.config.command_line.swept import Domain
from brevetti_hydra.errors import BrevettiHydraError, InvalidAxisError
from brevetti_hydra.sweep.planning.axes import Axes, read_axes

if TYPE_CHECKING:
    from collections.abc import Callable

OPTIONS = {"model": ["large", "medium", "small"]}


def axes(*words: str) -> Axes:
    return read_axes(read_argv(words), lambda group: OPTIONS.get(group, []))


def lines(*words: str) -> list[list[str]]:
    return [[each.text for each in point.arguments] for point in axes(*words)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1,2", ["1", "2"]),
        ("1.10,1e-3,x y", ["1.10", "1e-3", "x y"]),
        ("'a,b',\"c\",null", ["'a,b'", '"c"', "null"]),
        ("[1,2],[3]", ["[1,2]", "[3]"]),
        ("{a:1},{b:[2,3]}", ["{a:1}", "{b:[2,3]}"]),
        ("choice(a, b)", ["a", "b"]),
        ("choice(a)", ["a"]),
        ("range(1,4)", ["1", "2", "3"]),
        ("range(3)", ["0", "1", "2"]),
        ("range(0,1,0.25)", ["0.0", "0.25", "0.5", "0.75"]),
        ("int(range(0,2.0))", ["0", "1"]),
        ("float(range(2))", ["0.0", "1.0"]),
        ("sort(3,1,2)", ["1", "2", "3"]),
        ("sort(3,1.50,2,reverse=true)", ["3", "2", "1.50"]),
        ("sort(choice(b,a))", ["a", "b"]),
        ("tag(t,choice(1,2))", ["1", "2"]),
        ("tag(a,b,sort(tag(c,choice(2,1))))", ["1", "2"]),
        ("int(1.6,2.2)", ["1", "2"]),
        ("str(1,2)", ["'1'", "'2'"]),
        ("${lr},2", ["${lr}", "2"]),
    ],
)
def test_values_keep_their_spelling(value: str, expected: list[str]) -> None:
    """Each form of the grammar gives single arguments, written as the line writes them."""
    actual = [line[0] for line in lines(f"key={value}")]

    assert [f"key={each}" for each in expected] == actual


def test_texts_beyond_the_grammar_are_split_at_their_commas() -> None:
    """Hydra's plain texts are ASCII; others are several values just as well."""
    assert [["n=ü"], ["n=b"], ['n="a, b"']] == lines('n=ü, b,"a, b"')
    assert [["n=ü"]] == lines("n=ü")
    assert [["n=ü,"]] == lines("n=ü,")


@pytest.mark.parametrize("value", ["choice(ü,b)", "tag(log,choice(ü,b))", "glob(ü*)"])
def test_a_sweep_beyond_the_grammar_is_no_text(value: str) -> None:
    """What is written as a sweep does not run once, with that as its text."""
    with pytest.raises(InvalidAxisError, match="cannot be swept"):
        axes(f"n={value}")


def test_a_pattern_names_options_of_a_group() -> None:
    """`glob` gives the options that match, without the excluded ones."""
    expected = [["model=large"], ["model=medium"]]

    assert expected == lines("model=glob([l*,m*,s*],exclude=sm*)")


def test_shuffled_values_come_in_the_same_order_at_each_reading() -> None:
    """What `--dry-run` has shown is what runs."""
    words = ["a=shuffle(1,2,3,4,5,6)", "b=shuffle(range(6))"]

    assert lines(*words) == lines(*words)
    assert {f"a={number}" for number in range(1, 7)} == {line[0] for line in lines(*words)}
    assert [f"a={number}" for number in range(1, 7)] != [line[0] for line in lines(words[0])]


def test_the_last_axis_changes_fastest() -> None:
    """Points come in the order of the line, with everything that does not vary in its place."""
    expected = [
        ["a=1", "job=x", "b=3"],
        ["a=1", "job=x", "b=4"],
        ["a=2", "job=x", "b=3"],
        ["a=2", "job=x", "b=4"],
    ]

    assert expected == lines("a=1,2", "job=x", "b=3,4")


def test_places_name_the_argument_of_the_line() -> None:
    """A trial's argument stands where the sweep stands on the line."""
    point = next(iter(axes("x=1", "pair=zip(lr=[0.1],model.hidden=[16])")))

    labels = [argument.origin.label for argument in point.arguments]

    assert ["argument 1: x=1", "argument 2: lr=0.1", "argument 2: model.hidden=16"] == labels
    assert ["lr", "model.hidden"] == list(point.varied)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("zip(lr=[0.1,0.01],model.hidden=[16,32])", ["lr=0.1 model.hidden=16"]),
        ("zip( lr = [1e-3, 1] , layers=[[1,2],[3]])", ["lr=1e-3 layers=[1,2]"]),
        ("zip(lr=range(1,3),w['a b']=choice(x,y))", ["lr=1 w['a b']=x"]),
        ("zip(job=[a,b],+t='[x]',t='[y]')", None),
        ("zip(model=glob(*),n=[1,2,3])", ["model=large n=1"]),
    ],
)
def test_pairs_may_have_dots_and_any_values(value: str, expected: list[str] | None) -> None:
    """Members of a pair are keys of any form, with a list or any sweep of the grammar."""
    if expected is None:
        with pytest.raises(BrevettiHydraError):
            lines(f"pair={value}")
    else:
        assert expected == [" ".join(lines(f"pair={value}")[0])]


@given(
    st.lists(
        st.lists(st.integers(-9, 9) | st.sampled_from(["a", "'b,c'", "[1,{x: 2}]"]), min_size=1),
        min_size=1,
        max_size=3,
    )
)
def test_a_pair_gives_the_rows_of_its_lists(columns: list[list[object]]) -> None:
    """Whatever the values are, a pair of lists of one length gives one point a row."""
    length = min(map(len, columns))
    columns = [column[:length] for column in columns]
    written = ",".join(f"a.k{n}=[{','.join(map(str, c))}]" for n, c in enumerate(columns))
    expected = [[f"a.k{n}={c[row]}" for n, c in enumerate(columns)] for row in range(length)]

    assert expected == lines(f"p=zip({written})")


def test_choices_can_be_paired_afterwards() -> None:
    """`sweep.zip` lets axes of the line advance together, and leaves the others alone."""
    words = ["lr=0.1,0.01", "seed=1,2", "model.hidden=16,32", "sweep.zip=[[lr,model.hidden]]"]
    found = axes(*words)

    paired = found.paired([["lr", "model.hidden"]], found.of_sweep[0].origin)

    expected = [
        ["lr=0.1", "model.hidden=16", "seed=1"],
        ["lr=0.1", "model.hidden=16", "seed=2"],
        ["lr=0.01", "model.hidden=32", "seed=1"],
        ["lr=0.01", "model.hidden=32", "seed=2"],
    ]
    assert expected == [[each.text for each in point.arguments] for point in paired]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("a,b", Domain("choice")),
        ("interval(1,4)", Domain("interval", 1.0, 4.0)),
        ("int(interval(1,4))", Domain("interval", 1, 4, None, is_integer=True)),
        ("tag(log,interval(1e-4,1))", Domain("interval", 1e-4, 1.0, tags=frozenset({"log"}))),
        ("range(1,9,2)", Domain("range", 1, 9, 2, is_integer=True)),
        ("range(0,1,0.1)", Domain("range", 0, 1, 0.1)),
    ],
)
def test_a_search_reads_what_an_axis_may_be(value: str, expected: Domain) -> None:
    """The domain holds bounds, steps, integers and tags."""
    assert expected == axes(f"lr={value}").axes[0].domain


WRONG = {
    "lengths": ["pair=zip(lr=[1,2],model.hidden=[16])"],
    "no_name": ["zip(lr=[1,2],epochs=[1,2])"],
    "no_list": ["pair=zip(lr,epochs=[1])"],
    "twice_in_a_pair": ["pair=zip(lr=[1],lr=[2])"],
    "nothing": ["pair=zip(lr=[])"],
    "no_option": ["model=glob(x*)"],
    "two_places": ["lr=1,2", "pair=zip(lr=[3],epochs=[4])"],
    "of_the_sweep": ["launcher.workers=1,2", "run.root=a,b", "launcher=inline,processes"],
    "no_step": ["epochs=range(1,5,0)"],
    "deletion": ["~lr=1,2"],
    "nested": ["lr=choice(1,choice(2,3))"],
    "interval": ["lr=interval(0,1)"],
    "too_many_values": ["epochs=range(100000000000)"],
    "too_many_points": ["a=range(999)", "b=range(999)", "c=range(999)"],
    "secret": ["pair=zip(api_key=[hunter2-one,hunter2-two],lr=[1])"],
}


def test_what_cannot_be_swept_is_told_with_its_place(golden: Callable[..., None]) -> None:
    """Each mistake of a line's sweeps has its report, and all of a line are told together."""
    reports = []
    for name, words in WRONG.items():
        with pytest.raises(BrevettiHydraError) as caught:
            list(axes(*words))
        reports.append(f"{name}: {' '.join(words)}\n{caught.value}")

    golden("sweep/axes.txt", "\n\n".join(reports) + "\n")
