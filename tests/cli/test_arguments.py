"""Arguments of the commands."""

from __future__ import annotations

import pytest

from brevetti_hydra.cli.arguments import CommandParser, add_root
from brevetti_hydra.errors import UsageError


@pytest.fixture
def parser() -> CommandParser:
    """Give a parser with an option, a flag and a word."""
    parser = CommandParser("runs", "List runs.")
    parser.add_argument("run")
    parser.add_argument("--sort")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--csv", action="store_true")
    add_root(parser)
    return parser


@pytest.mark.parametrize("words", [["--sort", "-accuracy", "r"], ["r", "--sort=-accuracy"]])
def test_value_may_begin_with_a_dash(parser: CommandParser, words: list[str]) -> None:
    """The word after an option is its value, whatever it begins with."""
    arguments = parser.read(words)

    assert ("r", "-accuracy") == (arguments.run, arguments.sort)


@pytest.mark.parametrize(
    ("words", "message", "note"),
    [
        (["r", "--srot", "x"], "no option '--srot'", "a similar name exists: '--sort'"),
        (["r", "--lim", "3"], "no option '--lim'", "a similar name exists: '--limit'"),
        (["r", "--limit", "x"], "argument --limit: invalid int value: 'x'", ""),
        (["r", "--sort"], "argument --sort: expected one argument", ""),
        ([], "the following arguments are required: run", ""),
        (["r", "s"], "unexpected argument 's'", ""),
    ],
)
def test_wrong_words(parser: CommandParser, words: list[str], message: str, note: str) -> None:
    """Names are exact, and what is wrong is said in our form."""
    with pytest.raises(UsageError) as caught:
        parser.read(words)

    assert message == caught.value.message
    assert note in "".join(caught.value.notes)
    assert "see 'brevetti-hydra runs --help'" == caught.value.hint
