"""Small matters of wording: similar names, plurals, what a terminal may be shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = [
    "error_text",
    "escape_control",
    "first_comment",
    "folded_name",
    "pad",
    "plain_text",
    "plural",
    "quote_all",
    "shorten",
    "similar_name",
    "width_of",
]


def similar_name(name: str, known: Iterable[str]) -> str | None:
    """Find the known name that a person most likely meant, or None.

    Case, dashes and underscores do not count; at most about one letter in three may differ.
    """
    # Only wrong input pays for this import.
    from difflib import get_close_matches

    candidates = {folded_name(candidate): candidate for candidate in known}
    if folded_name(name) in candidates:
        return candidates[folded_name(name)]
    matches = get_close_matches(folded_name(name), candidates, n=1, cutoff=0.65)
    return candidates[matches[0]] if matches else None


def folded_name(text: str) -> str:
    """Write a name as it is compared with others: case, dashes and underscores do not count."""
    return text.lower().replace("-", "_")


def error_text(error: BaseException) -> str:
    """Give an exception's own text; one that cannot even tell it must not hide that it came."""
    try:
        return str(error)
    except Exception as second:  # noqa: BLE001 - anybody's code
        return f"<its text cannot be read: {type(second).__name__}>"


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: `1 error`, `2 errors`."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def quote_all(names: Iterable[str], *, most: int = 12) -> str:
    """Write names as `'a', 'b' and 3 more`, sorted."""
    ordered = sorted(names)
    text = ", ".join(f"'{name}'" for name in ordered[:most])
    left = len(ordered) - most
    return f"{text} and {left} more" if left > 0 else text


def shorten(text: str, width: int = 80) -> str:
    """Cut a text to at most `width` characters, marking the cut."""
    return text if len(text) <= width else text[: width - 3] + "..."


def plain_text(value: object) -> str:
    """Write a plain value as YAML and the command line have it: `null`, `true`, `0.1`, text."""
    if value is None:
        return "null"
    return str(value).lower() if isinstance(value, bool) else str(value)


def first_comment(text: str) -> str:
    """Give the first comment line of a YAML file that speaks to people, or nothing."""
    comments = (
        line.strip().lstrip("#").strip()
        for line in text.splitlines()
        if line.strip().startswith("#")
    )
    return next((c for c in comments if c and not c.startswith(("@", "yaml-language-server:"))), "")


def pad(text: str, width: int) -> str:
    """Fill a text with blanks to a number of terminal cells."""
    return text + " " * (width - width_of(text))


def width_of(text: str) -> int:
    """Count terminal cells: wide characters take two, combining marks none."""
    if text.isascii():
        return len(text)
    # Most texts never get here.
    import unicodedata

    return sum(
        0 if unicodedata.combining(each) else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


def escape_control(text: str) -> str:
    r"""Make control characters visible (`\x1b`), so that no text can steer a terminal.

    Line feeds and tabs stay, and so does everything printable, in any script.
    """
    if text.isprintable():
        return text
    # By lines: most have nothing to escape, and a table of 10,000 runs is one text.
    lines = text.split("\n")
    return "\n".join(line if line.isprintable() else _escape_line(line) for line in lines)


def _escape_line(line: str) -> str:
    return "".join(
        character
        if character.isprintable() or character == "\t"
        else character.encode("unicode_escape").decode("ascii")
        for character in line
    )
