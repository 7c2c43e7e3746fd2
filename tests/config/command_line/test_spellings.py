"""How people spell overrides: each is accepted, or answered with the right spelling."""

from __future__ import annotations

import contextlib
import datetime as dt
import enum
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import Field as PydanticField

from brevetti_hydra import Field, JobSettings
from brevetti_hydra.config import read_argv
from brevetti_hydra.config.command_line.keys import split_text
from brevetti_hydra.config.command_line.spelling import joined_words, written
from brevetti_hydra.config.secrets import command_words
from brevetti_hydra.errors import BrevettiHydraError
from brevetti_hydra.settings import Secret


class Mode(enum.Enum):
    FAST = "fast"
    SLOW = "slow"


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    lr: float = 0.1


class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    lr: str = "1"


class Layer(JobSettings):
    units: int = 4
    name: str = "a"


class Texts(JobSettings):
    """One setting of each type that people write by hand."""

    lr: float = Field(0.1, gt=0, description="learning rate")
    n: int = 3
    big: int | None = None
    name: str = "a"
    nick: str | None = None
    flag: bool = False
    layers: list[int] = Field([64, 64, 64])
    words: list[str] = Field([])
    weights: dict[str, float] = Field({})
    names: dict[str, str] = Field({})
    day: dt.date | None = None
    at: dt.datetime | None = None
    time: dt.time | None = None
    took: dt.timedelta | None = None
    path: Path = Path("x")
    mode: Mode = Mode.FAST
    pair: tuple[int, float] = (1, 2.0)
    either: int | str = 1
    anything: Any = None
    blocks: list[Layer] = Field([Layer()])
    optim: Annotated[Adam | Sgd, PydanticField(discriminator="kind")] = Adam()
    token: Secret | None = None


ACCEPTED: list[tuple[str | tuple[str, ...], str, object]] = [
    # one override in several words
    (("lr", "=", "0.01"), "lr", 0.01),
    (("lr", "=0.01"), "lr", 0.01),
    ("lr = 0.01", "lr", 0.01),
    (("n", "=", "-1", "lr=1"), "n", -1),
    (("name", "=", "a b"), "name", "a b"),
    (("layers=[1,", "2]"), "layers", [1, 2]),
    (("layers=[", "1,", "2", "]"), "layers", [1, 2]),
    (("layers", "=", "[1,", "2]"), "layers", [1, 2]),
    (("weights={a: 1,", "b: 2}"), "weights", {"a": 1.0, "b": 2.0}),
    # literals
    (("--lr", "0.01"), "lr", 0.01),
    ("--lr=0.01", "lr", 0.01),
    (("--name", "null"), "name", "null"),
    # numbers
    ("lr=1e-3", "lr", 0.001),
    ("lr=1E3", "lr", 1000.0),
    ("lr=.5", "lr", 0.5),
    ("lr=5.", "lr", 5.0),
    ("lr=+1", "lr", 1.0),
    ("lr=1_000", "lr", 1000.0),
    ("n=1_000", "n", 1000),
    ("n=1e3", "n", 1000),
    ("n=007", "n", 7),
    ("n=-5", "n", -5),
    # null
    ("big=null", "big", None),
    ("nick=null", "nick", None),
    ("nick=NULL", "nick", None),
    ("nick='null'", "nick", "null"),
    ("name='null'", "name", "null"),
    ("name=None", "name", "None"),
    # text stays text
    ("name=1.10", "name", "1.10"),
    ("name=007", "name", "007"),
    ("name=1_000", "name", "1_000"),
    ("name=true", "name", "true"),
    ("name=", "name", ""),
    ("nick=", "nick", ""),
    ("name=''", "name", ""),
    ("name='a b'", "name", "a b"),
    ('name="a=b"', "name", "a=b"),
    ("name=it's", "name", "it's"),
    ("name='it\\'s'", "name", "it's"),
    ("name=a=b", "name", "a=b"),
    ("name=a b", "name", "a b"),
    ("name=ü 日本", "name", "ü 日本"),
    ("name=C:\\data\\x", "name", "C:\\data\\x"),
    ("path=C:\\Users\\a b", "path", Path("C:\\Users\\a b")),
    ("name=https://a.b/c?d=e&f=g,h", "name", "https://a.b/c?d=e&f=g,h"),
    ("name=s3://bucket/k:1", "name", "s3://bucket/k:1"),
    ("name=#1;50%@x", "name", "#1;50%@x"),
    ("name=2026-11-23", "name", "2026-11-23"),
    # truth
    ("flag=True", "flag", True),
    ("flag=TRUE", "flag", True),
    ("flag=yes", "flag", True),
    ("flag=on", "flag", True),
    ("flag=1", "flag", True),
    ("--flag", "flag", True),
    # lists and mappings
    ("layers=[1, 2]", "layers", [1, 2]),
    ("words=[a b, c]", "words", ["a b", "c"]),
    ("words=[1.10,007,true]", "words", ["1.10", "007", "true"]),
    ("words=['a,b','1.10']", "words", ["a,b", "1.10"]),
    ("weights={a:1}", "weights", {"a": 1.0}),
    ("weights.ü=1", "weights", {"ü": 1.0}),
    ("weights['a b']=1", "weights", {"a b": 1.0}),
    ('weights={"a b": 1}', "weights", {"a b": 1.0}),
    ("weights.0=1", "weights", {"0": 1.0}),
    ("names={a: 1.10, b: x:y}", "names", {"a": "1.10", "b": "x:y"}),
    ("pair=[1,2.5]", "pair", (1, 2.5)),
    # dates and times
    ("day=2026-11-23", "day", dt.date(2026, 11, 23)),
    ("at=2026-11-23 10:30", "at", dt.datetime(2026, 11, 23, 10, 30)),  # noqa: DTZ001
    ("time=10:30", "time", dt.time(10, 30)),
    ("took=90", "took", dt.timedelta(seconds=90)),
    ("took=PT90S", "took", dt.timedelta(seconds=90)),
    ("took=01:30:00", "took", dt.timedelta(minutes=90)),
    # one of several types
    ("mode=slow", "mode", Mode.SLOW),
    ("either=3", "either", 3),
    ("either=x", "either", "x"),
    ("anything=[1,a]", "anything", [1, "a"]),
]

ANSWERED: list[tuple[str | tuple[str, ...], str]] = [
    (("lr=", "0.01"), "write it as one word: lr=0.01"),
    (("lr =", "0.01"), "write it as one word: lr=0.01"),
    ("lr", "write key=value as one word, without spaces around '='"),
    ("lr:0.01", "write it as lr=0.01"),
    ("lr:", "write it as lr=VALUE"),
    ("lr==0.01", "write it as lr=0.01"),
    ("lr=0.01,", "write it as lr=0.01"),
    ("lr=0.01;", "write it as lr=0.01"),
    ("lr=0,01", "write lr=0.01"),
    ("n=1,000", "write n=1_000"),
    ("n=1,2,3", "give one value: n=1"),
    ("lr=\N{LEFT DOUBLE QUOTATION MARK}1\N{RIGHT DOUBLE QUOTATION MARK}", "write it as 'lr=\"1\"'"),
    ("-lr=0.01", "write --lr 0.01, or lr=0.01"),
    (("-lr", "0.01"), "write --lr 0.01, or lr=0.01"),
    ("\N{EM DASH}lr=0.01", "write two plain dashes: --lr 0.01"),
    ("'lr'=0.01", "write the key without quotes: lr=0.01"),
    ('"lr=0.01"', "write it without the quotes: lr=0.01"),
    ("settings.lr=1", "settings stand at the root: write lr=..., not settings.lr=..."),
    ("LR=1", "a similar name exists: 'lr'"),
    ("seed=1", "the same name exists at 'run.seed'"),
    ("name=null", "for the text write name='\"null\"'"),
    ("nick=None", "for no value write nick=null, for the text nick='\"None\"'"),
    ("big=", "for no value write big=null"),
    ("big=None", "for no value write big=null"),
    ("n=", "write a value behind '=', or ~n for the default of the class"),
    ("words=[null]", "quote it"),
    ("mode=SLOW", "a similar name exists: 'slow'"),
    ("name=a,b", "for a text with commas write name='\"a,b\"'"),
    ("layers=1,2", "for a list write layers=[1,2]"),
    ("layers=(1,2)", "write it as layers=[1,2]"),
    ("layers=[1,2,]", "write it as layers=[1,2]"),
    ("layers=[1", "write it as layers=[1]"),
    ("weights={a: 1", "write it as 'weights={a: 1}'"),
    ("weights={'a b':1}", "write JSON where a word needs quotes: --weights '{\"a b\": 1}'"),
    ("layers+=[3]", "lists do not grow by '+='; give the whole list: layers=[...]"),
    ("layers[0]=3", "give the whole list: layers=[3,64,64]"),
    ("layers.0=3", "give the whole list: layers=[3,64,64]"),
    ("layers[-1]=3", "give the whole list: layers=[64,64,3]"),
    ("+layers.3=5", "give the whole list: layers=[64,64,64,5]"),
    ("layers[9]=3", "give the whole list: layers=[...]"),
    (("--layers[0]", "3"), "give the whole list: layers=[3,64,64]"),
    ("blocks[0].units=3", "give the whole list: blocks=[{units: 3,name: a}]"),
    ("run.tags[0]=x", "give the whole list: run.tags=[x]"),
    ("weights[0]=3", "write weights.0=3"),
    ("weights[a b]=3", "put keys with special characters in quotes: weights['any text']=2"),
    ("day=23.11.2026", "write a date, as day=2026-11-23"),
    ("day=2026-11-23T10:00", "write a date, as day=2026-11-23"),
    ("at=yesterday", "write a date and time, as at=2026-11-23T10:30:00"),
    ("time=25:00", "write a time of day, as time=10:30"),
    (
        "took=1h",
        "write a duration: seconds, [days] hours:minutes:seconds, or ISO 8601, as took=PT1H30M",
    ),
    ("lr=???", "write lr=VALUE, or leave it out"),
    ("~lr=0.5", "write ~lr to take it away whatever it is"),
    ("{lr: 1}", "quote lists and mappings for the shell: 'layers=[1, 2]'"),
]


def words_of(argv: str | tuple[str, ...]) -> tuple[str, ...]:
    return (argv,) if isinstance(argv, str) else argv


@pytest.mark.parametrize(("argv", "key", "expected"), ACCEPTED)
def test_a_spelling_is_taken_as_it_is_meant(
    argv: str | tuple[str, ...], key: str, expected: object, project: Any
) -> None:
    """The type of the setting decides what a text means."""
    found = project.validate(*words_of(argv), settings=Texts).settings

    assert expected == getattr(found, key)


@pytest.mark.parametrize(("argv", "hint"), ANSWERED)
def test_another_spelling_is_answered_with_the_right_one(
    argv: str | tuple[str, ...], hint: str, project: Any
) -> None:
    """What could mean several things is refused, and the report says how it is written."""
    report = project.error(*words_of(argv), settings=Texts)

    assert f"  hint: {hint}\n" in f"{report}\n"


def test_there_are_many_spellings() -> None:
    """The tables hold what people write, at least 60 spellings."""
    assert len(ACCEPTED) + len(ANSWERED) >= 120


SUGGESTED = re.compile(
    r"(?:write it as|give the whole list:|write) ('?)(\w[\w.]*=[^.]+|lr=0\.01)\1$"
)


@pytest.mark.parametrize("hint", [hint for _, hint in ANSWERED if SUGGESTED.match(hint)])
def test_a_suggested_spelling_is_accepted(hint: str, project: Any) -> None:
    """Whoever writes what a hint says gets no second error about it."""
    found = SUGGESTED.match(hint)

    assert found is not None
    if "VALUE" not in hint and "one word" not in hint:
        project.validate(found[2], settings=Texts)


@pytest.mark.parametrize(
    ("line", "count"),
    [
        ("lr = 1", 3),
        ("lr =1", 2),
        ("lr = job=x", 1),
        ("lr = --json", 1),
        ("lr =", 1),
        ("lr", 1),
        ("a.b = 1", 3),
        ("weights['x'] = 1", 3),
        ("layers=[1, 2] n=3", 2),
        ("layers=[1, n=3", 1),
        ("layers=[1, --json 2]", 1),
        ("layers=[1, 2", 1),
        ("w={a: [1, 2], b: 3}", 5),
        ("name=x y", 1),
    ],
)
def test_words_are_joined_where_they_mean_one_thing(line: str, count: int) -> None:
    """A word that could stand for itself is never taken for a part of another."""
    assert count == joined_words(line.split(" "))


def test_numbers_of_arguments_count_words(project: Any) -> None:
    """After an override of three words the next argument still has its own number."""
    labels = [a.origin.label for a in read_argv(["lr", "=", "1", "n=2"]).arguments]

    assert ["argument 1: lr=1", "argument 4: n=2"] == labels


def test_a_secret_in_a_word_of_its_own_is_not_recorded(project: Any) -> None:
    """`token = hunter2` is one override, in the recorded command line, too."""
    argv = ["token", "=", "hunter2", "lr", "=", "1", "layers=[1,", "2]"]
    composition = project.compose(*argv, settings=Texts)

    words = command_words(["prog", *argv], composition)

    assert ["prog", "token=**********", "lr=1", "layers=[1, 2]"] == words


def test_values_are_read_by_the_variant_that_the_line_chooses(project: Any) -> None:
    """In either order: what is a number in one variant may be a text in the other."""
    for argv in (("optim.kind=sgd", "optim.lr=1.10"), ("optim.lr=1.10", "optim.kind=sgd")):
        assert {"kind": "sgd", "lr": "1.10"} == project.settings(Texts, *argv)["optim"]


@pytest.mark.parametrize(
    "value",
    [None, True, 3, 0.5, "a", "a b", "null", "1", "it's", "", [1, "x"], {"a": [1], "b": {"c": 2}}],
)
def test_what_is_written_reads_as_it_was(value: object) -> None:
    """The grammar reads suggested values as the values that they stand for."""
    from brevetti_hydra.config import _hydra

    assert value == _hydra.parse_override(f"key={written(value)}").value()


@given(st.text(st.characters(codec="utf-8") | st.sampled_from("\\'\"${}[],: ")))
def test_any_text_is_written_so_that_it_reads_as_it_was(text: str) -> None:
    """Quotes and backslashes in any order, at the end too; `${` is an interpolation's."""
    from brevetti_hydra.config import _hydra

    assume("${" not in text)
    assert text == _hydra.parse_override(f"key={written(text)}").value()


@pytest.mark.parametrize("key", ["", ".", "a.", "a[b]", "a['b'"])
def test_a_key_that_is_none_is_not_split(key: str) -> None:
    """Splitting says so instead of guessing."""
    assert split_text(key) is None


@pytest.mark.parametrize("word", ["\x00", "]", "[", "='", "'='", "a=[", "[]=1", "{}", "\udcff=1"])
@pytest.mark.parametrize("before", ["", "lr", "lr=", "layers=[1,", "="])
def test_no_line_ends_in_a_traceback(word: str, before: str, project: Any) -> None:
    """A result or one of our errors, whatever stands beside each other."""
    with contextlib.suppress(BrevettiHydraError):
        project.settings(Texts, *filter(None, [before]), word)
