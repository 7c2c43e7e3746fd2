"""The blocks of README.md and docs/ run as they stand, in order, in a folder of their own.

`python` blocks run as a script; a comment `<!-- file: NAME -->` before any block writes it to that
file. In `console` blocks each `$ line` runs in bash, and what it prints is compared with what
stands below: ids, times, sizes and decimals may differ, a line `...` stands for any lines, and
`...` inside a line for any part of it.
`<!-- not run: REASON -->` before a block leaves it alone. `--update-golden` writes the real output
into the documents.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DOCUMENTS = [
    "README.md",
    *sorted(f"docs/{path.name}" for path in (REPOSITORY / "docs").glob("*.md")),
]
# Where a reader's project stands in what is printed.
SHOWN_FOLDER = "/home/ann/digits"

FENCE = re.compile(
    r"(?:^<!-- (?P<mark>[^\n]*?) -->\n+)?^```(?P<kind>\w+)\n(?P<body>.*?)^```$",
    re.DOTALL | re.MULTILINE,
)
RUN_KINDS = {"python", "console"}

# What differs from run to run and machine to machine, in the order in which it is replaced.
VOLATILE = [
    (r"\d{8}T\d{6}Z", "STAMP"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", "TIME"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d(:\d\d)?", "TIME"),
    (r"\b\d\d:\d\d:\d\d\b", "CLOCK"),
    (r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "UUID"),
    (r"\b[0-9a-f]{64}\b", "DIGEST"),
    (r"\b[0-9a-f]{40}\b", "COMMIT"),
    (r"\b[0-9a-f]{10}\b", "ID"),
    (r"\b\d+(\.\d+)? ?([KMG]iB|B)\b", "SIZE"),
    (r"\b\d+[mhd]\d\d[smh]\b", "SPAN"),
    (r"\b\d+(\.\d+)? ?(ms|[smhd])\b", "SPAN"),
    (r"\b\d+\.\d+(\.\d+)*(e[-+]?\d+)?\b", "NUMBER"),
    (r"\bpid \d+", "pid PID"),
    (r"(?m)[ \t]+$", ""),
    (r" {2,}", "  "),
]


class Block(NamedTuple):
    """A fenced block, with where it stands."""

    kind: str
    mark: str
    body: str
    line: int
    span: tuple[int, int]


def blocks(text: str) -> list[Block]:
    return [
        Block(
            match["kind"],
            match["mark"] or "",
            match["body"],
            text.count("\n", 0, match.start("body")) + 1,
            match.span("body"),
        )
        for match in FENCE.finditer(text)
    ]


def stable(text: str) -> str:
    """Replace what may differ between two runs."""
    for pattern, word in VOLATILE:
        text = re.sub(pattern, word, text)
    return text.strip("\n")


def matches(expected: str, actual: str) -> bool:
    """Compare two outputs: `...` alone stands for any lines, inside a line for any part of it."""
    parts = [
        r"[^\n]*".join(re.escape(piece) for piece in part.strip("\n").split("..."))
        for part in re.split(r"(?m)^[ ]*\.\.\.$", stable(expected))
    ]
    return re.fullmatch(r"\n?.*\n?".join(parts), stable(actual), re.DOTALL) is not None


def commands(body: str) -> list[tuple[str, str]]:
    """Split a console block: each `$ line` (with its `> ` lines), and what stands below it."""
    found: list[tuple[str, str]] = []
    for line in body.splitlines():
        if line.startswith("$ "):
            found.append((line[2:], ""))
        elif line.startswith("> ") and found and not found[-1][1]:
            found[-1] = (found[-1][0] + "\n" + line[2:], "")
        elif found:
            found[-1] = (found[-1][0], found[-1][1] + line + "\n")
    return found


class Playground:
    """A reader's folder: the environment is active, and the checkout's files lie there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("examples", "conf"):
            shutil.copytree(
                REPOSITORY / name,
                folder / name,
                ignore=shutil.ignore_patterns("runs", "__pycache__"),
            )
        shutil.copy(REPOSITORY / "pyproject.toml", folder)
        binaries = str(Path(sys.executable).parent)
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
            "PATH": binaries + os.pathsep + os.environ["PATH"],
            "PYTHONWARNINGS": "default",
            "COLUMNS": "100",
        }

    def run(self, *command: str) -> tuple[int, str]:
        result = subprocess.run(
            command,
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return result.returncode, result.stdout.replace(str(self.folder), SHOWN_FOLDER)


def play(block: Block, place: Playground, *, update: bool) -> tuple[str, list[str]]:
    """Run one block.

    Returns:
        The body as it should stand, and what is wrong with it.
    """
    if block.mark.startswith("file: "):
        path = place.folder / block.mark.removeprefix("file: ").strip()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(block.body, encoding="utf-8")
        return block.body, []
    if block.mark.startswith("not run") or block.kind not in RUN_KINDS:
        return block.body, []
    if block.kind == "python":
        code, output = place.run(sys.executable, "-c", block.body)
        return block.body, [f"line {block.line}: exit code {code}\n{output}"] if code else []
    wrong, body = [], ""
    for command, expected in commands(block.body):
        _, output = place.run("bash", "-c", command)
        fits = matches(expected, output)
        if not fits and not update:
            wrong.append(f"line {block.line}: {command}\nexpected:\n{expected}\nactual:\n{output}")
        body += "$ " + command.replace("\n", "\n> ") + "\n"
        body += expected if fits else output.rstrip("\n") + "\n" * bool(output)
    return body, wrong


@pytest.mark.parametrize("name", DOCUMENTS)
def test_the_blocks_of_a_document_run(
    name: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    """Every block of a document runs, and prints what the document says."""
    path = REPOSITORY / name
    text = path.read_text(encoding="utf-8")
    update = bool(request.config.getoption("--update-golden"))
    place = Playground(tmp_path)
    wrong: list[str] = []
    parts, end = [], 0

    for block in blocks(text):
        body, found = play(block, place, update=update)
        wrong += found
        parts += [text[end : block.span[0]], body]
        end = block.span[1]
    if update:
        path.write_text("".join(parts) + text[end:], encoding="utf-8")

    if wrong:
        pytest.fail("\n\n".join(wrong), pytrace=False)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_block_says_what_it_is(name: str) -> None:
    """Each fence names its language, and shell lines stand in console blocks only."""
    text = (REPOSITORY / name).read_text(encoding="utf-8")
    opened = re.findall(r"^```(.*)$", text, re.MULTILINE)[::2]

    assert [] == [kind for kind in opened if kind in {"", "sh", "bash", "shell"}]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name: str) -> None:
    """A link to a file of the project names one that exists."""
    path = REPOSITORY / name
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text(encoding="utf-8"))
    local = [link for link in links if "://" not in link]

    assert [] == [link for link in local if not (path.parent / link).exists()]


def test_the_matcher_sees_a_difference() -> None:
    """Two outputs that differ in a word differ, whatever ids and times they hold."""
    assert matches("run 0123456789 took 1.5s\n", "run abcdef0123 took 12s\n")
    assert matches("first\n...\nlast\n", "first\nsecond\nthird\nlast\n")
    assert matches("at ... (main)\n", "at /a/b.py (main)\n")
    assert not matches("at ... (main)\n", "at\nb (main)\n")
    assert not matches("completed\n", "failed\n")
    assert not matches("first\n...\nlast\n", "first\nsecond\n")
