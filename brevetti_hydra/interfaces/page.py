"""Pages: one self-contained HTML file with headings, tables, pictures and Vega-Lite charts.

A page works offline, wherever it is copied to, under a policy that stands in the page itself:
nothing is loaded from anywhere, no form is sent, and no script runs but the two whose hashes the
policy names (Vega with Vega-Lite, and the few lines that draw). Every text that comes in is data:
it is escaped for the place where it goes.
"""

from __future__ import annotations

import html
import json
import math
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra._text import escape_control

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

__all__ = ["Page", "Picture"]

_VEGA_FILES = ("vega.min.js", "vega-lite.min.js", "vega-interpreter.js")
_PNG_BEGINNING = b"\x89PNG\r\n\x1a\n"
_JPEG_BEGINNING = b"\xff\xd8\xff"


class Picture(NamedTuple):
    """A picture of a gallery.

    Attributes:
        content: The bytes of a PNG or JPEG file.
        description: What it shows; it stands below the picture and is read to the blind.
    """

    content: bytes
    description: str


class Page:
    """Builds one page from top to bottom; `render` gives its HTML.

    Not for several threads at once. Texts may hold anything; none of them is taken as HTML.

    Example:
        >>> page = Page("Report", subtitle="of a run")
        >>> page.table(["name", "value"], [["lr", 0.01]])
        >>> page.render().startswith("<!doctype html>")
        True
    """

    def __init__(self, title: str, *, subtitle: str = "", footer: str = "") -> None:
        """Begin a page.

        Args:
            title: The title of the page and of its window.
            subtitle: A quieter line below it.
            footer: A quiet line at the end.
        """
        self._title = _escape(title)
        self._subtitle = _escape(subtitle)
        self._footer = _escape(footer)
        self._parts: list[str] = []
        self._charts = 0

    def heading(self, text: str, *, level: int = 2) -> None:
        """Add a heading.

        Args:
            text: The heading.
            level: 2 for a section, 3 for a part of one.

        Raises:
            ValueError: The level is neither.
        """
        if level not in {2, 3}:
            raise ValueError(f"a heading has level 2 or 3, not {level}")
        self._parts.append(f"<h{level}>{_escape(text)}</h{level}>")

    def paragraph(self, text: str) -> None:
        """Add a paragraph."""
        self._parts.append(f"<p>{_escape(text)}</p>")

    def lines(self, text: str, *, title: str = "") -> None:
        """Add lines as they are: a command, a traceback.

        Args:
            text: The lines.
            title: If given, it alone is shown until the reader opens it.
        """
        lines = f"<pre>{_escape(text)}</pre>"
        if title:
            lines = f"<details><summary>{_escape(title)}</summary>\n{lines}</details>"
        self._parts.append(lines)

    def facts(self, facts: Mapping[str, object]) -> None:
        """Add a row of tiles, a name and a value each; numbers are shown with four digits."""
        tiles = "".join(
            f"<div><dt>{_escape(name)}</dt><dd>{_escape(_show(value))}</dd></div>"
            for name, value in facts.items()
        )
        if tiles:
            self._parts.append(f'<dl class="facts">{tiles}</dl>')

    def table(
        self, columns: Sequence[str], rows: Iterable[Sequence[object]], *, caption: str = ""
    ) -> None:
        """Add a table; columns that hold only numbers are set to the right.

        Args:
            columns: The names of the columns.
            rows: The rows, a value for each column.
            caption: A quiet line above the table.

        Raises:
            ValueError: A row has more or fewer values than there are columns.
        """
        body = [list(row) for row in rows]
        for row in body:
            if len(row) != len(columns):
                raise ValueError(
                    f"a row has {len(row)} values, but there are {len(columns)} columns"
                )
        if not body:
            self._parts.append(f'<p class="empty">{_escape(caption or "The table")}: no rows.</p>')
            return
        marks = [
            ' class="number"' if _are_numbers([row[index] for row in body]) else ""
            for index in range(len(columns))
        ]
        above = f"<caption>{_escape(caption)}</caption>" if caption else ""
        head = "".join(
            f'<th scope="col"{mark}>{_escape(column)}</th>'
            for mark, column in zip(marks, columns, strict=True)
        )
        lines = "\n".join(
            "<tr>"
            + "".join(
                f"<td{mark}>{_escape(_show(value))}</td>"
                for mark, value in zip(marks, row, strict=True)
            )
            + "</tr>"
            for row in body
        )
        self._parts.append(
            f'<div class="wide"><table>{above}<thead><tr>{head}</tr></thead>\n'
            f"<tbody>\n{lines}\n</tbody></table></div>"
        )

    def chart(self, spec: Mapping[str, Any], *, caption: str) -> None:
        """Add a chart.

        Args:
            spec: A Vega-Lite specification whose data stand in it: the page loads none. NaN and
                infinite numbers become null, which Vega-Lite leaves out.
            caption: What the chart shows, in a sentence; it stands below.

        Raises:
            TypeError: The specification holds something that JSON cannot.
            ValueError: It names data that lie elsewhere.
        """
        if (address := _foreign_data(spec)) is not None:
            raise ValueError(f"the data of a chart must stand in it, but lie at '{address}'")
        self._charts += 1
        name = f"chart-{self._charts}"
        caption_text = _escape(caption)
        self._parts.append(
            f'<figure><div class="chart" data-chart="{name}" role="img" '
            f'aria-label="{caption_text}"><noscript>This chart needs JavaScript.</noscript></div>\n'
            f'<script type="application/json" id="{name}">{_script_json(spec)}</script>\n'
            f"<figcaption>{caption_text}</figcaption></figure>"
        )

    def gallery(self, pictures: Iterable[Picture]) -> None:
        """Add small pictures side by side.

        Raises:
            ValueError: A picture is neither PNG nor JPEG.
        """
        figures = "".join(_figure(picture) for picture in pictures)
        if figures:
            self._parts.append(f'<div class="gallery">{figures}</div>')

    def render(self) -> str:
        """Give the whole page; the same calls give the same text."""
        css = _own_file("page.css")
        scripts, hashes = "", []
        if self._charts:
            vega, drawing = _vega(), _own_file("page.js")
            hashes = [_hash_of(drawing), vega.hash]
            scripts = (
                f'<script type="application/octet-stream" id="vega">{vega.packed}</script>\n'
                f"<script>{drawing}</script>\n"
            )
        subtitle = f"<p>{self._subtitle}</p>" if self._subtitle else ""
        footer = f"<footer>{self._footer}</footer>\n" if self._footer else ""
        body = "\n".join(self._parts)
        return (
            '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
            f'<meta http-equiv="Content-Security-Policy" content="{_policy(css, hashes)}">\n'
            '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
            '<meta name="referrer" content="no-referrer">\n'
            f"<title>{self._title}</title>\n<style>{css}</style>\n</head>\n<body>\n<main>\n"
            f"<header><h1>{self._title}</h1>{subtitle}</header>\n{body}\n{footer}</main>\n"
            f"{scripts}</body>\n</html>\n"
        )


class _Vega(NamedTuple):
    packed: str
    hash: str


def _policy(css: str, script_hashes: list[str]) -> str:
    scripts = " ".join(script_hashes) or "'none'"
    return (
        f"default-src 'none'; script-src {scripts}; style-src {_hash_of(css)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _vega() -> _Vega:
    """Pack the vendored files: 0.8 MB of script would be most of each page, 0.35 MB are left."""
    import gzip

    text = "".join(_own_file(f"vendor/{name}") + "\n" for name in _VEGA_FILES)
    return _Vega(_base64(gzip.compress(text.encode(), 9, mtime=0)), _hash_of(text))


@cache
def _own_file(name: str) -> str:
    from importlib.resources import files

    return files("brevetti_hydra.interfaces").joinpath(name).read_text(encoding="utf-8")


def _hash_of(text: str) -> str:
    """Give the source by which a content policy knows an inline script or style."""
    import hashlib

    return f"'sha256-{_base64(hashlib.sha256(text.encode()).digest())}'"


def _base64(content: bytes) -> str:
    from base64 import b64encode

    return b64encode(content).decode("ascii")


def _escape(text: str) -> str:
    # Control characters and lone surrogates (undecodable file names) are shown, not passed on.
    return html.escape(escape_control(text))


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _are_numbers(values: Sequence[object]) -> bool:
    """Tell a column of numbers; cells of it may be empty."""
    found = [value for value in values if value is not None]
    return bool(found) and all(map(_is_number, found))


def _show(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else str(value)


def _script_json(value: object) -> str:
    """Write JSON that no HTML parser can leave: no `<`, no `>`, no `&`, nothing but ASCII."""
    text = json.dumps(_finite(value), allow_nan=False, separators=(",", ":"))
    return text.replace("<", r"\u003c").replace(">", r"\u003e").replace("&", r"\u0026")


def _foreign_data(spec: Any) -> str | None:
    """Find the address of data that a specification, or a part of it, asks for."""
    if isinstance(spec, dict):
        data = spec.get("data")
        if isinstance(data, dict) and "url" in data:
            return str(data["url"])
    members = spec.values() if isinstance(spec, dict) else spec if isinstance(spec, list) else ()
    return next((found for each in members if (found := _foreign_data(each)) is not None), None)


def _finite(value: Any) -> Any:
    """Copy a JSON value with None for the numbers that JSON does not know."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {name: _finite(member) for name, member in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(member) for member in value]
    return value


def _figure(picture: Picture) -> str:
    if picture.content.startswith(_PNG_BEGINNING):
        kind = "png"
    elif picture.content.startswith(_JPEG_BEGINNING):
        kind = "jpeg"
    else:
        raise ValueError("a picture of a page is a PNG or JPEG file")
    text = _escape(picture.description)
    source = f"data:image/{kind};base64,{_base64(picture.content)}"
    return f'<figure><img alt="{text}" src="{source}"><figcaption>{text}</figcaption></figure>'
