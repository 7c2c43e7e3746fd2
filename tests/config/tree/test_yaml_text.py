"""Trees as `--cfg` prints them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.config.tree.documents import parse_document
from brevetti_hydra.config.tree.yaml_text import yaml_text

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False),
    st.text("abyn01.e-+:#'\"_ ünull~?&*!|>%@`{}[],\n\t", max_size=9),
    st.sampled_from(
        ["yes", "NO", "1e3", "1_0", "0x1f", "1:30", "2026-11-23", "=", "<<", "~", "${a}"]
    ),
)
TREES = st.dictionaries(
    st.text("abc_", min_size=1, max_size=3),
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
        max_leaves=8,
    ),
    max_size=4,
)


@given(TREES)
def test_what_is_written_is_read_alike(tree: dict[str, object]) -> None:
    """A tree comes back from its YAML as it was, each value of its own type."""
    read = parse_document(yaml_text(tree), "a.yaml", Budget()).tree.plain()

    assert tree == read


@pytest.mark.parametrize(
    "tree",
    [
        {"b": 1, "a": "${b}", "v": "1.10", "q": None},
        {"flag": "yes", "letter": "y", "number": "1e3", "list": [], "map": {}},
        {"deep": {"list": [1, [2, {"a": "b: c"}]]}, "empty": "", "date": "2026-11-23"},
        {"text": "ünicode 日本", "lines": "a\nb", "float": 1e-05, "x": float("inf")},
    ],
)
def test_a_tree_is_written_as_hydra_prints_it(tree: dict[str, object]) -> None:
    """Order, interpolations and texts that look like numbers stay, as OmegaConf writes them."""
    assert OmegaConf.to_yaml(OmegaConf.create(tree)) == yaml_text(tree)


@pytest.mark.parametrize(
    ("value", "written"),
    [("${", "${"), ("${a", "${a"), ("a}${b:", "'a}${b:'"), ("\ud800", "\\ud800"), ("\0", '"\\0"')],
)
def test_any_text_can_be_written(value: str, written: str) -> None:
    """What is no interpolation, or no text in UTF-8, is printed all the same."""
    assert f"a: {written}\n" == yaml_text({"a": value})


def test_the_same_list_twice_is_written_twice() -> None:
    """No anchors come into what is printed."""
    shared = [1]

    assert "a:\n- 1\nb:\n- 1\n" == yaml_text({"a": shared, "b": shared})
