"""Overrides: what is written comes back as it was, in any order, and nothing odd comes out."""

from __future__ import annotations

import contextlib
import json
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from brevetti_hydra import Field, Job, JobSettings
from brevetti_hydra.config import compose, read_argv, validate
from brevetti_hydra.config.command_line.overrides import split_key
from brevetti_hydra.errors import BrevettiHydraError


class Inner(JobSettings):
    number: int = 1
    text: str = "t"


class Outer(JobSettings):
    count: int = 0
    share: float = 0.5
    is_on: bool = False
    label: str = ""
    maybe: int | None = None
    numbers: list[float] = Field([])
    names: list[str] = Field([])
    open: dict[str, Any] = Field({})
    inner: Inner = Inner()


class MyJob(Job):
    settings: Outer


def validated(*argv: str, yaml: str = "", info: dict[str, Any] | None = None) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "conf").mkdir()
        (folder / "conf" / "brevetti.yaml").write_text(yaml, encoding="utf-8")
        request = read_argv(argv)
        composition = compose(request, folder=folder, base=Job, job_class=MyJob, info=info)
    return validate(composition).settings.model_dump()


# What may stand in an argument: any text without the byte that ends it.
texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=30)
plain = st.text(st.sampled_from("abcXYZ089._-+/:%@ é日"), max_size=12).map(str.strip)
finite = st.floats(allow_nan=False, allow_infinity=False)
keys = st.text(st.characters(exclude_characters="\0\"'", exclude_categories=["Cs"]), max_size=12)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | finite | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3),
    max_leaves=5,
)


def quoted(text: str) -> str:
    r"""Quote a text for the override grammar: `\'` for a quote, `\\'` for a backslash before it."""
    escaped = ""
    pending = 0
    for character in f"{text}'":
        if character == "\\":
            pending += 1
            continue
        escaped += "\\" * (2 * pending + 1 if character == "'" else pending) + character
        pending = 0
    # The last quote ends the value, and so is not escaped itself.
    return f"'{escaped[:-2]}'" if escaped.endswith("\\'") else f"'{escaped}"


@given(st.integers())
def test_integers_come_back(value: int) -> None:
    """By override, by literal and from info.json."""
    assert value == validated(f"count={value}")["count"]
    assert value == validated("--count", str(value))["count"]
    assert value == validated(info={"name": "x", "settings": {"count": str(value)}})["count"]


@given(finite)
def test_numbers_come_back(value: float) -> None:
    """As Python writes them, exactly."""
    assert value == validated(f"share={value!r}")["share"]
    assert value == validated(f"--share={value!r}")["share"]


@given(plain)
def test_plain_text_needs_no_quotes(text: str) -> None:
    """A text field takes what stands there, whether it looks like a number or not."""
    assert text == validated(f"label={text}")["label"]


@given(texts)
def test_any_text_comes_back_as_a_literal(text: str) -> None:
    """`--label TEXT` takes everything to the letter, `${`, quotes and line feeds too."""
    assert text == validated(f"--label={text}")["label"]
    assert text == validated(info={"name": "x", "settings": {"label": text}})["label"]


@given(texts.filter(lambda text: "${" not in text))
def test_any_text_comes_back_in_quotes(text: str) -> None:
    """In the grammar's quotes every text can be said."""
    assert text == validated(f"label={quoted(text)}")["label"]


@given(st.lists(texts.filter(lambda text: "${" not in text), max_size=4))
def test_lists_of_texts_come_back(items: list[str]) -> None:
    """As a list of quoted texts, and as JSON."""
    line = ",".join(quoted(item) for item in items)

    assert items == validated(f"names=[{line}]")["names"]
    assert items == validated("--names", json.dumps(items))["names"]


@given(st.lists(finite, max_size=5))
def test_lists_of_numbers_come_back(items: list[float]) -> None:
    """As the grammar and as JSON write them."""
    assert items == validated(f"numbers=[{','.join(map(repr, items))}]")["numbers"]
    assert items == validated(f"--numbers={json.dumps(items)}")["numbers"]


@given(st.dictionaries(keys, json_values, max_size=3))
def test_mappings_come_back(value: dict[str, Any]) -> None:
    """As JSON in one argument; a mapping with open keys takes any."""
    assert value == validated("--open", json.dumps(value))["open"]


@given(keys, st.integers())
def test_any_key_of_an_open_mapping_can_be_said(key: str, value: int) -> None:
    """In quotes and brackets, by override and by literal."""
    assert {key: value} == validated(f"open['{key}']={value}")["open"]
    assert {key: value} == validated(f'--open["{key}"]={value}')["open"]


@given(st.lists(keys, min_size=1, max_size=4))
def test_keys_in_quotes_are_split_as_they_were_joined(parts: list[str]) -> None:
    """Every part of a key may hold dots, brackets and equals signs."""
    text = "".join(f"['{part}']" for part in parts)

    assert tuple(parts) == split_key(read_argv([f"{text}=1"]).arguments[0])


disjoint = st.permutations(
    [
        "count=3",
        "+share=.25",
        "label=x",
        "open.a=1",
        "++open.b={c: 2}",
        "inner.number=4",
        "~inner.text",
        "--is_on=true",
        '--names=["n"]',
        "run.seed=5",
    ]
)


@settings(max_examples=25)
@given(disjoint)
def test_the_order_of_disjoint_overrides_does_not_matter(line: list[str]) -> None:
    """Arguments that set different keys commute."""
    expected = {
        "count": 3,
        "share": 0.25,
        "is_on": True,
        "label": "x",
        "maybe": None,
        "numbers": [],
        "names": ["n"],
        "open": {"a": 1, "b": {"c": 2}},
        "inner": {"number": 4, "text": "t"},
    }

    assert expected == validated(*line, yaml="inner: {text: y, number: 9}\n")


layers = st.sets(st.sampled_from(["yaml", "info", "line"]))


@given(layers, layers, st.sampled_from(["above_yaml", "below_yaml", None]))
def test_layers_win_in_their_order(
    scalar: set[str], nested: set[str], settings_layer: str | None
) -> None:
    """The highest layer that says anything wins for each key, whatever the others say."""
    values = {"default": 1, "yaml": 2, "info": 3, "line": 4}
    order = ["yaml", "info"] if settings_layer == "below_yaml" else ["info", "yaml"]

    def winner(said: set[str]) -> int:
        return values[next((name for name in ["line", *order] if name in said), "default")]

    yaml = "".join(
        [
            "count: 2\n" * ("yaml" in scalar),
            "inner: {number: 2}\n" * ("yaml" in nested),
            f"platform: {{settings_layer: {settings_layer}}}\n" * (settings_layer is not None),
        ]
    )
    sent: dict[str, Any] = {"count": 3} if "info" in scalar else {}
    sent |= {"inner": {"number": 3}} if "info" in nested else {}
    argv = ["count=4"] * ("line" in scalar) + ["inner.number=4"] * ("line" in nested)

    found = validated(*argv, yaml=yaml, info={"name": "x", "settings": sent})

    assert (winner(nested), "t") == (found["inner"]["number"], found["inner"]["text"])
    assert (winner(scalar) if scalar else 0) == found["count"]


odd = st.text(max_size=20) | st.text(st.sampled_from("=~+-[]{}()'\"\\$.,:@/ ab1"), max_size=20)


@settings(max_examples=200)
@given(st.lists(odd, max_size=3))
def test_any_command_line_ends_in_settings_or_our_error(argv: list[str]) -> None:
    """Whatever is typed, no other exception comes out."""
    with contextlib.suppress(BrevettiHydraError):
        validated(*argv)


@given(st.sampled_from(["count", "share", "names", "open", "inner", "maybe", "open['", "~"]), odd)
def test_any_value_of_a_key_ends_in_settings_or_our_error(key: str, value: str) -> None:
    """The same for values of fields of every kind, as override and as literal."""
    for argv in ([f"{key}={value}"], [f"--{key}={value}"], [f"--{key}", value]):
        with contextlib.suppress(BrevettiHydraError):
            validated(*argv)


@given(
    st.dictionaries(
        st.sampled_from(["count", "share", "names", "open", "inner", "zzz"]), json_values
    )
)
def test_any_settings_of_a_platform_end_in_settings_or_our_error(sent: dict[str, Any]) -> None:
    """What info.json may hold, its texts taken apart as JSON or not."""
    with contextlib.suppress(BrevettiHydraError):
        validated(info={"name": "x", "settings": sent})
