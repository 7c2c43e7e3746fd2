"""Numbers, times, tables and sections as people read them."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import escape_control, pad, width_of

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

__all__ = [
    "columns",
    "cut",
    "format_age",
    "format_command",
    "format_duration",
    "format_metrics",
    "format_size",
    "format_value",
    "one_line",
    "section",
]

# What a column keeps in the narrowest terminal.
_LEAST_CELLS = 4
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3600, 86400


def format_duration(seconds: float | None) -> str:
    """Write a duration: `0.31s`, `12.4s`, `4m10s`, `2h05m`, `3d04h`; "" for None."""
    if seconds is None:
        return ""
    if seconds < _MINUTE_S:
        return f"{seconds:.2f}s" if seconds < 1 else f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _HOUR_S:
        return f"{whole // _MINUTE_S}m{whole % _MINUTE_S:02d}s"
    if whole < _DAY_S:
        return f"{whole // _HOUR_S}h{whole % _HOUR_S // _MINUTE_S:02d}m"
    return f"{whole // _DAY_S}d{whole % _DAY_S // _HOUR_S:02d}h"


def format_age(seconds: float) -> str:
    """Write how long ago something was in one unit: `5s`, `3m`, `2h`, `4d`."""
    for unit, length in (("d", _DAY_S), ("h", _HOUR_S), ("m", _MINUTE_S)):
        if seconds >= length:
            return f"{int(seconds // length)}{unit}"
    return f"{max(0, int(seconds))}s"


def format_size(size_bytes: int) -> str:
    """Write a size with at most four digits: `812 B`, `1.4 MiB`."""
    size = float(size_bytes)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1000:  # noqa: PLR2004 - four digits before the next unit
            return f"{size_bytes} B" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def format_value(value: Any) -> str:
    """Write a value of a record in one cell: numbers short, lists with spaces, null as nothing."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, (list, tuple)):
        return " ".join(map(format_value, value))
    return str(value)


def format_metrics(metrics: Mapping[str, float], *, most: int | None = None) -> str:
    """Write metrics as `accuracy=0.972 loss=0.091`, the first few of them."""
    return " ".join(f"{name}={value:.4g}" for name, value in list(metrics.items())[:most])


def format_command(words: Sequence[str]) -> str:
    """Write a command line, as one line, so that a shell reads the same words."""
    return " ".join(shlex.quote(word) if word.isprintable() else _quote(word) for word in words)


def _quote(word: str) -> str:
    r"""Quote a word of which some characters cannot be shown: `$'a\nb'`."""
    return "$'" + "".join(map(_quote_character, word)) + "'"


def _quote_character(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    if character == "\n":
        return "\\n"
    # Three digits, so that none of what follows counts as one.
    return "".join(f"\\{byte:03o}" for byte in character.encode("utf-8", "surrogateescape"))


def one_line(text: str) -> str:
    """Make a text harmless in a cell: one line, no control characters."""
    return escape_control(text).replace("\n", "\\n").replace("\t", "\\t")


def columns(
    header: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    width: int | None = None,
    whole: Collection[str] = (),
) -> list[str]:
    """Write rows under a header, aligned, two spaces apart.

    Args:
        header: Names of the columns; written in capitals.
        rows: Cells, one line each.
        width: Cut what would not fit: the last column first, then the widest; None cuts nothing.
        whole: Names of columns that are never cut.
    """
    lines = [[name.upper() for name in header], *rows]
    widths = [max(width_of(cell) for cell in column) for column in zip(*lines, strict=True)]
    if width is not None:
        least = [
            size if name in whole else min(size, _LEAST_CELLS)
            for name, size in zip(header, widths, strict=True)
        ]
        widths = _narrowed(widths, least, width)
        lines = [
            [cut(cell, size) for cell, size in zip(line, widths, strict=True)] for line in lines
        ]
    return [
        "  ".join([pad(cell, size) for cell, size in zip(line, widths, strict=True)]).rstrip()
        for line in lines
    ]


def cut(text: str, width: int) -> str:
    """Cut a text to a number of terminal cells, marking the cut with `…`."""
    if width_of(text) <= width:
        return text
    kept, used = [], 1
    for character in text:
        used += width_of(character)
        if used > width:
            break
        kept.append(character)
    return "".join(kept) + "…"


def section(title: str, lines: Sequence[str]) -> str:
    """Write lines under a title, or nothing where there are none."""
    return "\n".join([title, *(f"  {line}" for line in lines)]) if lines else ""


def _narrowed(widths: list[int], least: list[int], width: int) -> list[int]:
    """Take the excess from the last column, then from whichever is widest."""
    narrowed = list(widths)
    excess = sum(narrowed) + 2 * (len(narrowed) - 1) - width
    while excess > 0:
        candidates = [index for index, size in enumerate(narrowed) if size > least[index]]
        if not candidates:
            break
        last = len(narrowed) - 1
        # A last column of a dozen cells still tells something; below that, others give too.
        chosen = (
            last
            if last in candidates and narrowed[last] > max(12, least[last])
            else max(candidates, key=lambda index: narrowed[index])
        )
        narrowed[chosen] -= 1
        excess -= 1
    return narrowed
