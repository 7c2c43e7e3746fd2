"""What each shell wants to read, and how it quotes: candidates never run and never break a line."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from brevetti_hydra.completion.typed import Word, word_start

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.completion.candidate import Candidate

__all__ = ["SHELLS", "answer_bash", "answer_fish", "answer_zsh", "script_text"]

SHELLS = ("bash", "zsh", "fish")

_WIDEST_ABOUT = 100
# What bash takes for anything but itself outside of quotes.
_SPECIAL = re.compile(r"""[\s\\'"`$&|;<>()\[\]{}*?!#]|^~""")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def answer_bash(candidates: Sequence[Candidate], word: Word, breaks: str) -> str:
    """Write an answer for bash: `open` or `closed`, then one quoted candidate a line.

    What was typed stays as it is and only the rest is quoted. A candidate begins where readline
    begins its word: behind the last of COMP_WORDBREAKS, or behind the open quote.
    """
    raw = word.raw.removesuffix("\\") if _ends_in_escape(word) else word.raw
    kept = raw[word_start(word, breaks) :]
    lines = []
    for candidate in candidates:
        rest = _quoted(candidate.text[len(word.text) :], word.quote, is_whole=not word.raw)
        if rest is not None:
            lines.append(kept + rest)
    is_open = len(candidates) == 1 and candidates[0].is_open
    return "".join(f"{line}\n" for line in ["open" if is_open else "closed", *lines])


def answer_zsh(candidates: Sequence[Candidate]) -> str:
    """Write an answer for zsh: open or closed, the word, what is shown; escaped as for `print`."""
    widest = max((len(_shown(each.text)) for each in candidates if each.about), default=0)
    lines = []
    for candidate in candidates:
        shown = _shown(candidate.text)
        if candidate.about:
            shown = f"{shown:{widest}}  -- {_about(candidate)}"
        fields = ("open" if candidate.is_open else "closed", candidate.text, shown)
        lines.append("\t".join(_escaped(field) for field in fields))
    return "".join(f"{line}\n" for line in lines)


def answer_fish(candidates: Sequence[Candidate]) -> str:
    """Write an answer for fish: one candidate a line, its description behind a tab.

    fish quotes by itself, but it has no way to be told a line feed or tab: such names are left out.
    """
    return "".join(
        f"{each.text}\t{_about(each)}\n" if each.about else f"{each.text}\n"
        for each in candidates
        if not _CONTROL.search(each.text)
    )


def script_text(shell: str) -> str:
    """Give the script that makes a shell ask this interpreter.

    Args:
        shell: One of `SHELLS`.
    """
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "scripts", f"complete.{shell}")
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    return text.replace("@PYTHON@", _literal(sys.executable, shell))


def _literal(text: str, shell: str) -> str:
    """Quote a text whole, for a script."""
    if shell == "fish":
        return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return "'" + text.replace("'", "'\\''") + "'"


def _ends_in_escape(word: Word) -> bool:
    """Whether the last character is a backslash that still waits for what it quotes."""
    count = len(word.raw) - len(word.raw.rstrip("\\"))
    return word.quote != "'" and count % 2 == 1


def _quoted(text: str, quote: str, *, is_whole: bool) -> str | None:
    """Quote a text to stand behind what was typed; None where that cannot be."""
    if quote == "'":
        return None if _CONTROL.search(text) else text.replace("'", "'\\''")
    if quote == '"':
        # A history reference is expanded inside of double quotes, and nothing escapes it there.
        is_unfit = _CONTROL.search(text) or "!" in text
        return None if is_unfit else re.sub(r'([$`"\\])', r"\\\1", text)
    if _CONTROL.search(text):
        return "$'" + _escape_control(re.sub(r"[\\']", r"\\\g<0>", text)) + "'"
    # `~key` is a word of ours; a tilde that a file's name begins with would be the home folder.
    special = re.sub(_SPECIAL, r"\\\g<0>", text)
    return special.removeprefix("\\") if is_whole and text.startswith("~") else special


def _escape_control(text: str) -> str:
    """Write control characters as bash and zsh know them; bash knows few others by number."""
    return _CONTROL.sub(
        lambda found: f"\\{'' if found[0].isascii() else 'u'}{_number(found[0])}", text
    )


def _number(character: str) -> str:
    return f"{ord(character):03o}" if character.isascii() else f"{ord(character):04x}"


def _escaped(text: str) -> str:
    """Write a field for zsh's `${(g::)...}`."""
    text = text.replace("\\", "\\\\")
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _shown(text: str) -> str:
    return _CONTROL.sub("?", text)


def _about(candidate: Candidate) -> str:
    about = _CONTROL.sub(" ", candidate.about)
    return about if len(about) <= _WIDEST_ABOUT else f"{about[: _WIDEST_ABOUT - 3]}..."
