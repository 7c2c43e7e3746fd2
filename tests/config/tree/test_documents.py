"""YAML files as trees: every form of YAML, its places, and the budget."""

from __future__ import annotations

import contextlib
import random
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from omegaconf import OmegaConf

from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.config.tree.documents import parse_document, read_document, read_header
from brevetti_hydra.errors import (
    BrevettiHydraError,
    ConfigNotFoundError,
    ConfigSyntaxError,
    OverBudgetError,
)

if TYPE_CHECKING:
    from pathlib import Path

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{new}: &{new} [{','.join([f'*{old}'] * 9)}]\n"
    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGE_BOMB = "a: &a {x: 1}\n" + "".join(
    f"{new}: &{new} {{<<: [*{old},*{old},*{old}], p{new}: *{old}}}\n"
    for old, new in zip("abcdefghijklmnopqrst", "bcdefghijklmnopqrstu", strict=True)
)


def in_order(value: Any) -> Any:
    """Sort keys: where `<<` puts its keys among the others says nothing."""
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return value


def tree(text: str) -> Any:
    return parse_document(text, "x.yaml", Budget()).tree.plain()


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb: 1.5\nc: 1e-3\nd: 1_000\ne: 0x1f\nf: 010\ng: 1E5\nh: -.5\ni: +1.e+3\n",
        "a: true\nb: yes\nc: off\nd: null\ne: ~\nf:\ng: ''\n",
        "a: .inf\nb: -.INF\nc: 10:20\nd: 2026-11-23\ne: 2026-11-23T10:00:00Z\n",
        "a: 'x'\nb: \"x\\ny\"\nc: |\n  two\n  lines\nd: >-\n  one\n  line\n",
        "a: [1, [2, {b: 3}], []]\nb: {}\nc:\n- 1\n- x: 2\n",
        "a: &m {x: 1}\nb: *m\nc: {<<: *m, y: 2}\nd: {y: 3, <<: *m, x: 9}\n",
        "a: &m {x: 1, y: 1}\nb: &n {y: 2}\nc: {<<: [*m, *n]}\nd: {<<: [*n, *m]}\n",
        "a: &v 3\nb: *v\n",
        "a: ${b}\nb: '${c}'\nc: ???\n",
        "%YAML 1.1\n---\na: 1\n...\n",
        "é: ü\n日本: '🙂'\n",
        "a: !!str 3\nb: !!float 3\nc: !!int '4'\n",
    ],
)
def test_yaml_means_what_it_means_to_omegaconf(text: str) -> None:
    """Numbers, texts, anchors and merges become the values that OmegaConf loads."""
    expected = OmegaConf.to_container(OmegaConf.create(text), resolve=False)

    assert repr(in_order(expected)) == repr(in_order(tree(text)))


@pytest.mark.parametrize("text", ["", "\n", "# only a comment\n", "---\n...\n", "null\n", "{}"])
def test_a_file_without_content_is_an_empty_mapping(text: str) -> None:
    """Empty files take part and say nothing."""
    assert {} == tree(text)


def test_a_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    """Files of Windows editors are read."""
    path = tmp_path / "x.yaml"
    path.write_bytes(b"\xef\xbb\xbfa: 1\r\nb: 2\r\n")

    assert {"a": 1, "b": 2} == read_document(path, "x.yaml", Budget()).tree.plain()


def test_every_key_knows_its_place() -> None:
    """Line and column of keys, in block and flow style, and of elements of lists."""
    document = parse_document(
        "a: 1\nb:\n  c: {d: 2,\n      e: 3}\nf:\n- 1\n- {g: 2}\n", "dir/x.yaml", Budget()
    )

    places = {path: document.tree.at(path) for path in [("a",), ("b", "c"), ("b", "c", "e")]}
    labels = [node.origin.label for node in places.values() if node is not None]
    assert ["dir/x.yaml:1:1", "dir/x.yaml:3:3", "dir/x.yaml:4:7"] == labels
    items = document.tree.at(("f",))
    assert items is not None
    assert items.inside is not None
    inner = items.inside((1, "g"))
    assert inner is not None
    assert ("dir/x.yaml:7:7", "- {g: 2}") == (inner.label, inner.place().excerpt)


def test_an_anchored_key_has_the_place_of_its_text() -> None:
    """Where a mapping came in by `*` or `<<`, the place is that of the key that was written."""
    document = parse_document("a: &m\n  x: 1\nb:\n  <<: *m\n  y: 2\n", "x.yaml", Budget())

    merged = document.tree.at(("b", "x"))

    assert merged is not None
    assert "x.yaml:2:3" == merged.origin.label


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\nb: 2\na: 3\n", 3),
        ("a:\n  x: 1\n  x: 2\n", 3),
        ("a: [{x: 1,\n x: 2}]\n", 2),
        ("a: {1: 2, '1': 3}\n", 1),
        ("- 1\n", 1),
        ("text\n", 1),
        ("a: 1\n---\nb: 2\n", 2),
        ("a:\n\tb: 1\n", 2),
        ("a: *nothere\n", 1),
        ("a: {<<: 3}\n", 1),
        ("? [a]\n: 1\n", 1),
        ("a: !own x\n", 1),
        ("a: !!int x\n", 1),
        ("a: " + "9" * 5000, 1),
        ("a: [1\n", 2),
        ('a: "\n', 2),
        ("a: 1\nb: \x1b\n", 2),
        ("a: 1\nb: \0\n", 2),
        ("%TAG\n", 1),
        ("a: @x\n", 1),
        ("a: =\n", 1),
    ],
)
def test_what_is_no_mapping_is_an_error_with_its_line(text: str, line: int) -> None:
    """A broken file, a key twice, another type at the top: the place is the line."""
    with pytest.raises(ConfigSyntaxError) as caught:
        parse_document(text, "x.yaml", Budget())

    assert caught.value.where is not None
    assert line == caught.value.where.line
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("content", [b"\xff\xfea\x00", bytes(range(256)), b"a: \xe9\n"])
def test_what_is_no_text_is_an_error(content: bytes, tmp_path: Path) -> None:
    """Files in another encoding, and files that are no text."""
    path = tmp_path / "x.yaml"
    path.write_bytes(content)

    with pytest.raises(ConfigSyntaxError):
        read_document(path, "x.yaml", Budget())


def test_what_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """A folder in the place of a file."""
    with pytest.raises(ConfigNotFoundError):
        read_document(tmp_path, "x.yaml", Budget())


@pytest.mark.parametrize(
    ("text", "key"),
    [
        (BOMB, "nodes"),
        (MERGE_BOMB, "nodes"),
        ("a: [" + "1," * 100_001 + "]", "nodes"),
        ("a: " + "[" * 65 + "]" * 65, "depth"),
        ("a: " + "{a: " * 65 + "}" * 65, "depth"),
        ("".join(" " * i + "a:\n" for i in range(1000)), "depth"),
        ("a: &a " + "[" * 40 + "]" * 40 + "\nb: " + "[" * 40 + "*a" + "]" * 40, "depth"),
        ("a: '" + "x" * (1 << 20) + "'", "yaml_bytes"),
        ("#" * (1 << 20) + "\na: 1", "yaml_bytes"),
        ("a: '" + "ü" * (1 << 19) + "'", "yaml_bytes"),
    ],
)
def test_the_budget_ends_what_would_not_end(text: str, key: str) -> None:
    """Bombs, depth and size are refused before a tree is built, and the limit is named."""
    with pytest.raises(OverBudgetError) as caught:
        parse_document(text, "x.yaml", Budget())

    assert key in (caught.value.hint or "")
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["a: &a [*a]\n", "a: &a {b: *a}\n", "a: &a {<<: *a}\n"])
def test_an_alias_in_itself_is_refused(text: str) -> None:
    """A value that contains itself has no end."""
    with pytest.raises(OverBudgetError, match="inside of itself"):
        parse_document(text, "x.yaml", Budget())


@pytest.mark.parametrize("text", ["a: " + "[" * 62 + "]" * 62, "a: [" + "1," * 19_000 + "]"])
def test_what_is_within_the_budget_is_read(text: str) -> None:
    """The limits are limits, and not less."""
    assert yaml.safe_load(text) == tree(text)


def test_other_limits_come_from_the_project(project: Any) -> None:
    """`[tool.brevetti_hydra.budget]` sets them for files and for arguments."""
    project.write(
        {
            "pyproject.toml": "[tool.brevetti_hydra.budget]\nyaml_bytes = 20\n",
            "conf/brevetti.yaml": "label: 'a long text here'\n",
        }
    )

    assert "error[over-budget]" in project.error(settings="Demo")


@pytest.mark.parametrize(
    "text",
    ["yaml_bytes = 0", "depth = -1", "nodes = 'x'", "other = 3", "depth = 1.5", "depth = true"],
)
def test_wrong_limits_are_refused(text: str, project: Any) -> None:
    """Limits are positive integers of known names."""
    project.write({"pyproject.toml": f"[tool.brevetti_hydra.budget]\n{text}\n"})

    assert "error[usage]" in project.error(settings="Demo")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# @package _global_\na: 1", "_global_"),
        ("#@package a.b\n", "a.b"),
        ("\n\n# @package x\n", "x"),
        ("# @other y\n# @package x\n", "x"),
        ("# text\n# @package x\n", None),
        ("a: 1\n# @package x\n", None),
        ("", None),
        ("# @package\n", None),
        ("# @package x y\n", None),
    ],
)
def test_the_header_names_the_package(text: str, expected: str | None) -> None:
    """Only comment lines at the very top that look like headers are read."""
    assert expected == read_header(text)


def test_mutated_files_end_in_a_tree_or_our_error(repository: Path) -> None:
    """Two hundred broken variants of the shipped files: no other exception comes out."""
    chance = random.Random(20261123)  # noqa: S311 - the same broken files each time
    texts = [path.read_text(encoding="utf-8") for path in sorted(repository.glob("conf/**/*.yaml"))]
    odd = [
        *"{}[]:,&*!|>'\"%@`#-?\t\0\n\\",
        "<<: ",
        "*a",
        "&a ",
        "!!",
        "---\n",
        "\x85",
        "\ufeff",
        "é",
    ]
    for _ in range(200):
        text = chance.choice(texts)
        for _ in range(chance.randint(1, 8)):
            at = chance.randrange(len(text) + 1)
            text = text[:at] + chance.choice(odd) + text[at + chance.randint(0, 3) :]
        with contextlib.suppress(BrevettiHydraError):
            parse_document(text, "x.yaml", Budget())
