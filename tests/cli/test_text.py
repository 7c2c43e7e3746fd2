"""Numbers, times and tables as people read them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.cli.text import (
    columns,
    cut,
    format_age,
    format_duration,
    format_metrics,
    format_size,
    one_line,
)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (None, ""),
        (0.314, "0.31s"),
        (12.34, "12.3s"),
        (250, "4m10s"),
        (7500, "2h05m"),
        (273600, "3d04h"),
    ],
)
def test_duration(seconds: float | None, expected: str) -> None:
    """A duration has two units at most."""
    assert expected == format_duration(seconds)


@pytest.mark.parametrize(
    ("seconds", "expected"), [(-3, "0s"), (5, "5s"), (185, "3m"), (7300, "2h"), (400000, "4d")]
)
def test_age(seconds: float, expected: str) -> None:
    """An age has one unit."""
    assert expected == format_age(seconds)


@pytest.mark.parametrize(
    ("size_bytes", "expected"),
    [(0, "0 B"), (812, "812 B"), (1500, "1.5 KiB"), (1 << 20, "1.0 MiB")],
)
def test_size(size_bytes: int, expected: str) -> None:
    """A size has four digits at most."""
    assert expected == format_size(size_bytes)


def test_metrics_are_short() -> None:
    """Metrics show four digits, and only the first of them where asked."""
    assert "a=0.1235 b=2" == format_metrics({"a": 0.123456, "b": 2.0, "c": 3.0}, most=2)


def test_table_is_aligned() -> None:
    """Columns line up, wide characters counted as two cells."""
    table = columns(("id", "note"), [["1", "日本"], ["22", "x"]])

    assert ["ID  NOTE", "1   日本", "22  x"] == table


@given(
    st.lists(st.tuples(st.text("ab 日é", max_size=60), st.text("xyz", max_size=90)), max_size=5),
    st.integers(20, 100),
)
def test_table_fits(rows: list[tuple[str, str]], width: int) -> None:
    """No line is wider than the terminal."""
    lines = columns(("name", "overrides"), rows, width=width)

    cells = [sum(2 if each == "日" else 1 for each in line) for line in lines]
    assert all(count <= width for count in cells)


def test_cut_is_marked() -> None:
    """A cut shows that something is missing."""
    assert "abc…" == cut("abcdef", 4)
    assert "abcd" == cut("abcd", 4)


def test_cell_is_one_line() -> None:
    """No cell can break the table or steer the terminal."""
    assert "a\\nb\\t\\x1b[31mc" == one_line("a\nb\t\x1b[31mc")
