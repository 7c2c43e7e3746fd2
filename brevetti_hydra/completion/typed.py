"""What stands on a line that is still being typed: words, quotes, and where the last one begins.

Nothing is expanded: `$(...)`, backquotes and variables are text like any other.
"""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["Word", "module_words", "split_line", "unquoted", "word_start"]

_ENDS_COMMAND = frozenset(";|&()\n")
_IN_DOUBLE_QUOTES = frozenset('$`"\\')
# Options of python that take a value, in the same word or in the next.
_PYTHON_VALUES = "WX"


class Word(NamedTuple):
    """One word.

    Attributes:
        text: Without quotes.
        raw: As it was typed.
        quote: The quote that is open at its end, or "".
    """

    text: str
    raw: str
    quote: str


class _Reader:
    """Walks a line once; afterwards `words` holds those of its last command."""

    def __init__(self, line: str) -> None:
        self.words: list[Word] = []
        self._line = line
        self._text: list[str] = []
        self._begin: int | None = None
        self._quote = ""
        self._position = 0

    def read(self) -> list[Word]:
        while self._position < len(self._line):
            self._take(self._line[self._position])
            self._position += 1
        self._end_word(is_last=True)
        return self.words

    def _take(self, character: str) -> None:
        if self._quote:
            self._take_quoted(character)
        elif character in " \t":
            self._end_word()
        elif character in _ENDS_COMMAND:
            self._end_word()
            self.words = []
        else:
            if self._begin is None:
                self._begin = self._position
            if character in "'\"":
                self._quote = character
            elif character == "\\":
                self._escape()
            else:
                self._text.append(character)

    def _take_quoted(self, character: str) -> None:
        if character == self._quote:
            self._quote = ""
            return
        following = self._line[self._position + 1 : self._position + 2]
        if character == "\\" and self._quote == '"' and following in _IN_DOUBLE_QUOTES:
            self._escape()
        else:
            self._text.append(character)

    def _escape(self) -> None:
        """Take the character after a backslash as it is; at the end there is none yet."""
        self._position += 1
        self._text.append(self._line[self._position : self._position + 1])

    def _end_word(self, *, is_last: bool = False) -> None:
        if self._begin is None and not is_last:
            return
        begin = len(self._line) if self._begin is None else self._begin
        raw = self._line[begin : self._position]
        self.words.append(Word("".join(self._text), raw, self._quote))
        self._text, self._begin = [], None


def split_line(line: str) -> list[Word]:
    """Split a line up to the cursor into the words of its last command.

    The last word is the one that is being typed; it is empty behind a blank.
    """
    return _Reader(line).read()


def unquoted(text: str) -> str:
    """Take the quotes of one word away."""
    words = split_line(text)
    return words[-1].text if words else ""


def word_start(word: Word, breaks: str) -> int:
    """Find where readline lets a word begin, as an index of its raw text.

    Args:
        word: The word that is being typed.
        breaks: COMP_WORDBREAKS: characters behind which readline begins a new word.
    """
    quote, start, position = "", 0, 0
    raw = word.raw
    while position < len(raw):
        character = raw[position]
        if quote:
            if character == quote:
                quote = ""
            elif character == "\\" and quote == '"':
                position += 1
        elif character == "\\":
            position += 1
        elif character in "'\"":
            quote = character
            opened = position + 1
            if word.quote and _is_open_from(raw, opened, quote):
                return opened
        elif character in breaks:
            start = position + 1
        position += 1
    return start


def _is_open_from(raw: str, position: int, quote: str) -> bool:
    """Whether a quote is not closed any more."""
    while position < len(raw):
        if raw[position] == "\\" and quote == '"':
            position += 1
        elif raw[position] == quote:
            return False
        position += 1
    return True


def module_words(words: list[str], module: str) -> list[str] | None:
    """Give what follows `python [options] -m MODULE`; None where python does something else.

    Args:
        words: The words after `python`.
        module: The module's name.
    """
    position = 0
    while position < len(words):
        word = words[position]
        position += 1
        if not word.startswith("-") or word in {"-", "--"} or word.startswith("--"):
            return None
        for index, letter in enumerate(word[1:], 2):
            rest = word[index:]
            if letter == "c":
                return None
            if letter == "m":
                named = rest or "".join(words[position : position + 1])
                position += not rest
                is_ours = named == module and position < len(words)
                return words[position:] if is_ours else None
            if letter in _PYTHON_VALUES:
                position += not rest
                break
    return None
