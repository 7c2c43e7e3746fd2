"""Plain overrides are read without Hydra's parser, and come out as if it had read them."""

from __future__ import annotations

import pytest
from hydra.core.override_parser.overrides_parser import OverridesParser
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.config import _hydra
from brevetti_hydra.errors import BrevettiHydraError

WORDS = st.from_regex(r"[A-Za-z_]\w{0,6}", fullmatch=True)
KEYS = st.builds(
    lambda parts, mark: mark.join(parts),
    st.lists(WORDS, min_size=1, max_size=3),
    st.sampled_from("./"),
)
VALUES = st.one_of(
    WORDS,
    st.sampled_from(
        ["null", "True", "NULL", "nan", "Inf", "-inf", "01", "1_000", "1e3", "-0", "-0.0"]
    ),
    st.integers().map(str),
    st.floats(allow_nan=False).map(str),
    st.floats(0, 1).map(lambda value: f"{value:.3f}"),
    st.text("abz019_.-+eE ", max_size=8),
)


def fields(override: _hydra.Override) -> tuple[object, ...]:
    value = override._value
    return (
        override.type,
        override.key_or_group,
        override.value_type,
        type(value),
        repr(value),
        override.package,
        override.input_line,
        override.is_sweep_override(),
        override.get_value_element_as_str() if override.value_type else None,
    )


@given(key=KEYS, value=VALUES)
def test_plain_overrides_read_as_by_the_grammar(key: str, value: str) -> None:
    """Whatever the short way takes, Hydra's own parser reads the same out of it."""
    text = f"{key}={value}"
    try:
        expected = OverridesParser.create().parse_overrides([text])[0]
    except _hydra.OverrideParseException:
        with pytest.raises((_hydra.OverrideParseException, BrevettiHydraError)):
            _hydra.parse_override(text)
        return

    assert fields(expected) == fields(_hydra.parse_override(text))


@pytest.mark.parametrize("text", ["lr=0.01", "job=classifier", "model.hidden=32", "a/b=c", "x=-1"])
def test_the_short_way_is_taken(text: str) -> None:
    """Ordinary arguments do not wake the parser."""
    assert _hydra._PLAIN.fullmatch(text) is not None
