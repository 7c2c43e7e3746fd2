"""Pages: escaped everywhere, self-contained, under a policy that names all that runs."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.interfaces.page import Page, Picture

HOSTILE = "</script><script>alert(1)</script><img src=x onerror=alert(2)> & \" ' <!-- ünï 日本 ]]>"
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=="
)

# The beginning of each file's SHA-256; a new version changes it here too.
VENDORED = {
    "vega-interpreter.js": "fd37f360307c4dfa",
    "vega-lite.min.js": "4f35867b8d0403eb",
    "vega.min.js": "8f6a3587cf8d4f42",
}


class Reader(HTMLParser):
    """Reads a page as a browser does: elements with their attributes, and the text in them."""

    def __init__(self, html: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in {"meta", "img"}:
            self._open.append(tag)
            self.texts.append((tag, ""))

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open:
            self.texts.append((self._open[-1], data))

    def text_of(self, tag: str) -> str:
        return "".join(text for name, text in self.texts if name == tag)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def full_page(text: str) -> Page:
    page = Page(text, subtitle=text, footer=text)
    page.heading(text)
    page.heading(text, level=3)
    page.paragraph(text)
    page.facts({text: text})
    page.table([text], [[text]], caption=text)
    page.table([text], [], caption=text)
    page.chart({"title": text, text: [text]}, caption=text)
    page.gallery([Picture(PNG, text)])
    return page


def policy_of(html: str) -> dict[str, list[str]]:
    [content] = [
        str(meta["content"])
        for meta in Reader(html).all("meta")
        if meta.get("http-equiv") == "Content-Security-Policy"
    ]
    return {name: values for name, *values in map(str.split, content.split(";"))}


def source_hash(content: str) -> str:
    digest = hashlib.sha256(content.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def test_hostile_text_stays_text() -> None:
    """Texts that look like HTML add no element to the page, and come out as they went in."""
    harmless, hostile = Reader(full_page("x").render()), Reader(full_page(HOSTILE).render())

    assert [tag for tag, _ in harmless.elements] == [tag for tag, _ in hostile.elements]
    assert [HOSTILE] * 5 == [hostile.text_of(tag) for tag in ("title", "h1", "h2", "h3", "caption")]
    assert (2 * HOSTILE, HOSTILE) == (hostile.text_of("figcaption"), hostile.text_of("footer"))


@given(text=st.text(min_size=1, max_size=60))
def test_any_text_stays_text(text: str) -> None:
    """No text at all changes the elements of a page or keeps it from being written."""
    html = full_page(text).render()

    tags = [tag for tag, _ in Reader(html).elements]
    assert html.encode("utf-8")
    assert [tag for tag, _ in Reader(full_page("x").render()).elements] == tags


def test_what_no_file_can_hold_is_shown() -> None:
    """Undecodable file names and control characters are written out."""
    page = Page("a")
    page.paragraph("\udcff \x1b \u202e \x00")

    assert r"<p>\udcff \x1b \u202e \x00</p>" in page.render()


@pytest.mark.parametrize("text", [HOSTILE, "\u2028\u2029", "\udcff", "]]>"])
def test_a_chart_comes_out_as_it_went_in(text: str) -> None:
    """The specification in the page is the one that was given, whatever it holds."""
    spec = {"title": text, "data": {"values": [{text: [1, 0.5, True, None, text]}]}}
    page = Page("charts")
    page.chart(spec, caption="c")

    html = page.render()

    [script] = re.findall(r'<script type="application/json" id="chart-1">(.*?)</script>', html)
    assert spec == json.loads(script)
    assert re.fullmatch(r"[ -%'-;=?-~]*", script)  # ASCII without & < >


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_lacks_become_null(number: float) -> None:
    """NaN and infinities in a chart are null, so that the page's JSON is JSON."""
    page = Page("charts")
    page.chart({"data": {"values": [{"x": number}, (number,)]}}, caption="c")

    assert '{"data":{"values":[{"x":null},[null]]}}' in page.render()


def test_the_policy_names_all_that_runs() -> None:
    """Scripts and styles of a page are known by their hashes; nothing else is allowed."""
    html = full_page("x").render()
    [style] = re.findall(r"<style>(.*?)</style>", html, re.DOTALL)
    [drawing] = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    [packed] = re.findall(r'<script type="application/octet-stream" id="vega">(.*?)</script>', html)
    vega = gzip.decompress(base64.b64decode(packed)).decode()

    assert {
        "default-src": ["'none'"],
        "script-src": [source_hash(drawing), source_hash(vega)],
        "style-src": [source_hash(style)],
        "img-src": ["data:"],
        "base-uri": ["'none'"],
        "form-action": ["'none'"],
    } == policy_of(html)


def test_a_page_refers_to_nothing() -> None:
    """No element of a page names another file or an address."""
    elements = Reader(full_page(HOSTILE).render()).elements
    refers = {"href", "src", "action", "data", "srcset", "background", "poster"}

    found = [
        (tag, value)
        for tag, attributes in elements
        for name, value in attributes.items()
        if name in refers or name.startswith("on") or name == "style"
        if not str(value).startswith("data:image/png;base64,")
    ]

    assert [] == found


def test_a_page_without_charts_has_no_script() -> None:
    """Scripts come only with charts, and without them none may run."""
    page = Page("plain")
    page.paragraph("text")

    html = page.render()

    assert ([], ["'none'"]) == (Reader(html).all("script"), policy_of(html)["script-src"])
    assert len(html) < 6000


def test_the_same_calls_give_the_same_page() -> None:
    """A page depends on what was put into it alone."""
    assert full_page("x").render() == full_page("x").render()


def test_numbers_stand_to_the_right() -> None:
    """A column of numbers is aligned as such; one with a text in it is not."""
    page = Page("numbers")
    page.table(["n", "mixed"], [[1, "x"], [0.123456, 2]])

    html = page.render()

    assert '<th scope="col" class="number">n</th><th scope="col">mixed</th>' in html
    assert '<td class="number">0.1235</td><td>2</td>' in html


def test_an_empty_table_says_so() -> None:
    """A table without rows is a sentence."""
    page = Page("empty")
    page.table(["a"], [], caption="Mistakes")

    assert '<p class="empty">Mistakes: no rows.</p>' in page.render()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda page: page.heading("x", level=1), "a heading has level 2 or 3, not 1"),
        (lambda page: page.table(["a"], [[1, 2]]), "a row has 2 values, but there are 1 columns"),
        (
            lambda page: page.chart({"layer": [{"data": {"url": "x.csv"}}]}, caption="x"),
            "the data of a chart must stand in it, but lie at 'x.csv'",
        ),
        (lambda page: page.gallery([Picture(b"GIF89a", "x")]), "PNG or JPEG"),
    ],
)
def test_mistakes_of_the_caller_are_named(call: Any, message: str) -> None:
    """A page cannot be built wrong in silence."""
    with pytest.raises(ValueError, match=message):
        call(Page("x"))


def test_vendored_files_are_those_of_the_list() -> None:
    """The foreign files are the ones that vendor/README.md describes, with their licences."""
    from importlib.resources import files

    folder = files("brevetti_hydra.interfaces").joinpath("vendor")

    found = {
        item.name: hashlib.sha256(item.read_bytes()).hexdigest()[:16]
        for item in folder.iterdir()
        if item.name.endswith(".js")
    }
    names = {item.name for item in folder.iterdir()}

    assert VENDORED == found
    assert {"LICENSE.vega", "LICENSE.vega-lite", "LICENSE.vega-interpreter"} <= names
    assert "LICENSE.in-vega" in names
