"""Lines that are being typed: words, quotes, and where readline begins a word."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.completion.typed import module_words, split_line, unquoted, word_start

BREAKS = " \t\n\"'@><=;|&(:"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("", [""]),
        ("a", ["a"]),
        ("a ", ["a", ""]),
        ("a  b", ["a", "b"]),
        ("a 'b c' d", ["a", "b c", "d"]),
        ('a "b \\" c', ["a", 'b " c']),
        ('a "b \\n', ["a", "b \\n"]),
        ("a b\\ c", ["a", "b c"]),
        ("a b\\", ["a", "b"]),
        ("a 'b", ["a", "b"]),
        ("a ''", ["a", ""]),
        ("x; a b", ["a", "b"]),
        ("x && a b", ["a", "b"]),
        ("x | a $(b c", ["b", "c"]),
        ("a ünï 日本", ["a", "ünï", "日本"]),
        ("a `b`", ["a", "`b`"]),
    ],
)
def test_words(line: str, words: list[str]) -> None:
    """A line is split as a shell splits it, and nothing is expanded."""
    assert words == [word.text for word in split_line(line)]


@given(st.lists(st.text(min_size=1).filter(lambda text: "\0" not in text), min_size=1))
def test_quoted_words_come_back(words: list[str]) -> None:
    """Any words that are quoted for a shell are read as they were."""
    assert words == [word.text for word in split_line(" ".join(map(shlex.quote, words)))]


@given(st.text())
def test_any_text_is_read(text: str) -> None:
    """No text is too odd: there is always a last word, which ends where the line does."""
    word = split_line(text)[-1]

    assert text.endswith(word.raw)
    assert 0 <= word_start(word, BREAKS) <= len(word.raw)
    assert isinstance(unquoted(text), str)


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("job=cl", "cl"),
        ("job=pkg.mod:Cl", "Cl"),
        ("run.root=/tm", "/tm"),
        ("job\\=cl", "job\\=cl"),
        ('"job=cl', "job=cl"),
        ("'job=cl", "job=cl"),
        ("job='cl", "cl"),
        ("'job'=cl", "cl"),
        ("'job=cl'", "'job=cl'"),
        ("a=b=c", "c"),
        ("job=", ""),
        ("group@pkg", "pkg"),
        ("a='b\\'c", "'b\\'c"),
    ],
)
def test_where_a_word_begins(raw: str, kept: str) -> None:
    """Readline begins a word behind the last break that no quote holds, or behind the open quote."""
    word = split_line(raw)[-1]

    assert kept == raw[word_start(word, BREAKS) :]


@pytest.mark.parametrize(
    ("words", "own"),
    [
        (["-m", "brevetti_hydra", ""], [""]),
        (["-m", "brevetti_hydra", "a", "b"], ["a", "b"]),
        (["-mbrevetti_hydra", "a"], ["a"]),
        (["-X", "dev", "-W", "error", "-m", "brevetti_hydra", "a"], ["a"]),
        (["-Xdev", "-Im", "brevetti_hydra", "a"], ["a"]),
        (["-m", "brevetti_hydra"], None),
        (["-m", "brevetti_hydra.cli", "a"], None),
        (["-m", "pip", "brevetti_hydra"], None),
        (["train.py", "-m", "brevetti_hydra", "a"], None),
        (["-c", "-m", "brevetti_hydra", "a"], None),
        (["--version", "-m", "brevetti_hydra", "a"], None),
        ([], None),
    ],
)
def test_python_with_our_module(words: list[str], own: list[str] | None) -> None:
    """Behind python's own options the module decides whose line it is."""
    assert own == module_words(words, "brevetti_hydra")
