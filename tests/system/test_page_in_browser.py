"""Pages in a real browser: charts are drawn, the policy holds, nothing is fetched."""

from __future__ import annotations

import http.server
import re
import subprocess
import threading
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from brevetti_hydra.interfaces.charts import confusion_matrix, learning_curve
from brevetti_hydra.interfaces.page import Page
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.summary.page import render_page
from brevetti_hydra.sweep.summary.view import read_sweep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from brevetti_hydra.sweep.folders import SweepFolder

HOSTILE = "</script><script>document.title='hacked'</script><img src=x onerror=\"document.title='hacked'\">"
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--virtual-time-budget=4000",
    "--enable-logging=stderr",
    "--window-size=1100,1600",
)


class Shown(NamedTuple):
    """What a browser made of a page."""

    dom: str
    console: list[str]


@pytest.fixture
def show(chromium: str, tmp_path: Path) -> Callable[[str], Shown]:
    """Give a function that opens a page from disk and returns its elements and console."""

    def open_page(html: str) -> Shown:
        path = tmp_path / "page.html"
        path.write_text(html, encoding="utf-8")
        profile = tmp_path / "profile"
        result = subprocess.run(
            [chromium, *FLAGS, f"--user-data-dir={profile}", "--dump-dom", path.as_uri()],
            capture_output=True,
            text=True,
            check=True,
            timeout=120,
        )
        console = [line for line in result.stderr.splitlines() if "CONSOLE" in line]
        return Shown(result.stdout, console)

    return open_page


@pytest.fixture
def server() -> Iterator[tuple[str, list[str]]]:
    """Serve this machine, noting the paths that are asked for."""
    asked: list[str] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.send_header("Access-Control-Allow-Origin", "*")
            self.end_headers()
            self.wfile.write(b'[{"x": 1}]')

        def log_message(self, *_: Any) -> None:
            pass

    listener = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=listener.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{listener.server_port}", asked
    listener.shutdown()
    listener.server_close()


def charts_page(text: str) -> Page:
    page = Page(text)
    history = [{"epoch": e, "loss": 1 / e, "accuracy": 1 - 1 / e, text: 0.5} for e in range(1, 9)]
    page.chart(learning_curve(history), caption=text)
    page.chart(confusion_matrix([[3, 1], [0, 4]], [text, "ünï 日本"]), caption=text)
    page.chart(learning_curve([]), caption=text)
    return page


def test_charts_are_drawn_under_the_policy(show: Callable[[str], Shown]) -> None:
    """Every chart becomes a drawing, and the console stays empty: no violation, no error."""
    shown = show(charts_page("charts").render())

    assert ([], True, 3) == (
        shown.console,
        'data-drawn="3"' in shown.dom,
        len(re.findall(r"<svg\b", shown.dom)),
    )
    assert "No epoch has been reported yet." in shown.dom


def test_hostile_texts_do_nothing(show: Callable[[str], Shown]) -> None:
    """Names of metrics and categories that are scripts are drawn as texts, and do not run."""
    shown = show(charts_page(HOSTILE).render())

    assert ([], 3) == (shown.console, len(re.findall(r"<svg\b", shown.dom)))
    assert "<title>hacked</title>" not in shown.dom


def test_a_foreign_script_does_not_run(show: Callable[[str], Shown]) -> None:
    """A script that was added to the file later is refused by the page's own policy."""
    html = charts_page("charts").render()
    added = "<script>document.title='hacked'</script></body>"

    shown = show(html.replace("</body>", added))

    assert "<title>charts</title>" in shown.dom
    assert [True] == ["Content Security Policy" in line for line in shown.console]


def test_a_changed_script_does_not_run(show: Callable[[str], Shown]) -> None:
    """A page whose own script was changed draws nothing."""
    html = charts_page("charts").render()

    shown = show(html.replace('"use strict";', '"use strict"; document.title = "hacked";'))

    assert (True, 0) == ("<title>charts</title>" in shown.dom, shown.dom.count("<svg"))


def test_charts_fetch_nothing(show: Callable[[str], Shown], server: tuple[str, list[str]]) -> None:
    """Data, pictures and links at an address are refused, also where a file was changed."""
    address, asked = server
    page = Page("fetches")
    page.chart({"data": {"URL": f"{address}/data.json"}, "mark": "point"}, caption="data")
    picture = {
        "data": {"values": [{"x": 1}]},
        "mark": {"type": "image", "url": f"{address}/picture.png", "width": 9, "height": 9},
    }
    page.chart(picture, caption="picture")
    link = {
        "data": {"values": [{"x": 1}]},
        "mark": {"type": "point", "href": "javascript:document.title='hacked'"},
    }
    page.chart(link, caption="link")

    shown = show(page.render().replace('"URL"', '"url"'))

    assert ([], False) == (asked, "hacked'\"" in shown.dom.split("<script")[0])
    assert "<title>fetches</title>" in shown.dom


def test_the_summary_of_a_sweep_is_drawn(
    make_sweep: Callable[..., SweepFolder], show: Callable[[str], Shown]
) -> None:
    """Every chart of it is: with two objectives, hostile names, failed and pruned trials."""
    ends = [
        {
            "varied": {"lr": 10.0**-index, HOSTILE: index % 2 == 0, "kind.a[0]": f"k{index % 3}"},
            "metrics": {"accuracy": index / 10, "latency": 1.0 + index**2},
        }
        for index in range(8)
    ]
    ends += [
        {"varied": {"lr": 0.5}, "state": RunState.FAILED},
        {"varied": {"lr": 0.6}, "state": RunState.PRUNED, "progress": {"accuracy": 0.2}},
    ]
    view = read_sweep(make_sweep(ends, {"accuracy": "maximize", "latency": "minimize"}))

    page = render_page(view._replace(importances={"lr": 0.7, HOSTILE: 0.3}), now=1_800_000_000.0)
    shown = show(page)

    assert ([], 6, 6) == (
        shown.console,
        page.count("data-chart="),
        len(re.findall(r"<svg\b", shown.dom)),
    )
    assert 'data-drawn="6"' in shown.dom
    assert "<title>hacked</title>" not in shown.dom
