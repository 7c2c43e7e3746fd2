"""What each shell is told: quoting, breaks, blanks, descriptions."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.completion.candidate import Candidate
from brevetti_hydra.completion.query import answer
from brevetti_hydra.completion.shells import answer_bash, answer_fish, answer_zsh
from brevetti_hydra.completion.typed import split_line

if TYPE_CHECKING:
    from tests.completion.conftest import Project

NAMES = [
    "a b",
    "$(touch x)",
    "`touch x`",
    "it's",
    'say "x"',
    "new\nline",
    "ünï 日本",
    "a;b",
    "!!",
    "a\\b",
]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("brevetti-hydra job=", "closed\nclassifier\nhello\nmine\n"),
        ("brevetti-hydra job=cl", "closed\nclassifier\n"),
        ("A=1 B= brevetti-hydra job=cl", "closed\nclassifier\n"),
        ("cd x && brevetti-hydra job=cl", "closed\nclassifier\n"),
        ("brevetti-hydra job=train:T", "closed\nTrain\n"),
        ("brevetti-hydra job=classifier mo", "open\nmodel.\n"),
        ("brevetti-hydra 'job=cl", "closed\njob=classifier\n"),
        ('brevetti-hydra job="cl', "closed\nclassifier\n"),
        ("brevetti-hydra job=mine color=de", "closed\ndeep\\ blue\n"),
        ("brevetti-hydra job=mine 'color=de", "closed\ncolor=deep blue\n"),
        ("brevetti-hydra job=mine color='de", "closed\ndeep blue\n"),
        ("brevetti-hydra job=mine color=deep\\ b", "closed\ndeep\\ blue\n"),
        ("brevetti-hydra job=mine color=deep\\", "closed\ndeep\\ blue\n"),
        (
            "brevetti-hydra job=mine weights[",
            "closed\nweights[\\'a\\ b\\'\\]=\n".replace("closed", "open"),
        ),
        ("brevetti-hydra ~exp", "closed\n~experiment\n"),
        ("brevetti-hydra nothing", "closed\n"),
        ("brevetti-hydra", None),
    ],
)
def test_bash(project: Project, line: str, expected: str | None) -> None:
    """Bash gets what stands behind its own word break, quoted as the line is."""
    assert expected == project.bash(line)


def test_bash_without_breaks(project: Project) -> None:
    """Whoever takes `=` out of COMP_WORDBREAKS gets whole words."""
    assert "closed\njob=classifier\n" == project.bash("brevetti-hydra job=cl", breaks=" ")


@pytest.mark.parametrize("program", ["python", "/x/.venv/bin/python3.11"])
def test_bash_and_python(project: Project, program: str) -> None:
    """Of python only this module is completed."""
    assert "closed\nclassifier\n" == project.bash(f"{program} -m brevetti_hydra job=cl", "python")
    assert None is project.bash(f"{program} -m pip job=cl", "python")


@pytest.mark.parametrize("opened", ["", "'", '"'])
@given(text=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1))
def test_bash_reads_what_was_meant(opened: str, text: str) -> None:
    """Whatever a candidate holds, bash reads the completed word as that text, and runs nothing."""
    word = split_line(f"x {opened}w")[-1]
    status, *lines = answer_bash([Candidate(f"w{text}")], word, "").split("\n")

    assert "closed" == status
    assert len(lines) <= 2
    for line in filter(None, lines):
        completed = f"{opened}{line}{opened}"
        script = f"printf %s {completed}"
        if text.isascii() or len(text) < 3:
            assert f"w{text}".encode() == _run_bash(script)


def _run_bash(script: str) -> bytes:
    return subprocess.run(
        ["bash", "--norc", "-c", script],
        env={"LC_ALL": "C.UTF-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
    ).stdout


@pytest.mark.parametrize("name", NAMES)
def test_one_candidate_is_one_line(name: str) -> None:
    """No candidate breaks the protocol of a shell by what it holds."""
    candidate = Candidate(name, "about\nit")

    assert 1 == answer_zsh([candidate]).count("\n")
    assert 2 == answer_zsh([candidate]).count("\t")
    assert ("\n" not in name) == answer_fish([candidate]).count("\n")


def test_zsh(project: Project) -> None:
    """Zsh gets whole words, whether they go on, and what is to be shown."""
    told = answer(["zsh", "script", "brevetti-hydra", "job=mine", "net."], project.place)

    assert told is not None
    assert [
        ["open", "net.hidden=", "net.hidden=  -- units of the hidden layer (int, > 0, default 32)"],
        ["open", "net.drop=", "net.drop=    -- float | None, default null"],
    ] == [line.split("\t") for line in told.splitlines()]


def test_fish(project: Project) -> None:
    """Fish gets whole words and descriptions; its own word may stand in quotes."""
    told = answer(["fish", "script", "brevetti-hydra", "job=mine", '"net.h'], project.place)

    assert "net.hidden=\tunits of the hidden layer (int, > 0, default 32)\n" == told
    python = ["fish", "python", "python3", "-m", "brevetti_hydra", "job=cl"]
    assert (answer(python, project.place) or "").startswith("job=classifier\t")
