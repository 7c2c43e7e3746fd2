"""Explanations of values as people read them."""

from __future__ import annotations

import json
import re
import shutil
import textwrap
from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import MASK
from brevetti_hydra._text import pad, plain_text, width_of
from brevetti_hydra.cli.text import cut, one_line
from brevetti_hydra.config.tree.origins import MISSING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brevetti_hydra.config.explaining.explanation import Explanation, Loss, Step, Target, Writer

__all__ = ["explanations_text", "value_text"]

# Of a pipe nobody knows the width; this fits most places where such a text ends up.
_WIDTH = 120
# What a note beside the column of values wants; with less it begins further left.
_LEAST_ROOM = 40
# What YAML would read as something else than text, or not at all.
_ODD = re.compile(
    r"\s*|\s.*|.*\s|[-+.]?\d.*|(?i:null|true|false|yes|no|on|off|~)"
    r"|.*(?:: | #|\n).*|[\[{&*!|>%@'\"].*",
    re.DOTALL,
)


def explanations_text(explanations: Sequence[Explanation], width: int | None = None) -> str:
    """Write explanations one below the other, their columns aligned.

    Args:
        explanations: What to write.
        width: Of the terminal; default: that of this process's.
    """
    width = shutil.get_terminal_size((_WIDTH, 24)).columns if width is None else width
    return "\n".join(line for each in explanations for line in _lines(each, width))


def value_text(value: Any) -> str:
    """Write a value as one line of YAML."""
    if isinstance(value, dict):
        inner = ", ".join(f"{value_text(str(k))}: {value_text(v)}" for k, v in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(value_text, value))}]"
    text = plain_text(value)
    if isinstance(value, str) and _ODD.fullmatch(text) and text not in {MISSING, MASK}:
        return json.dumps(text, ensure_ascii=False)
    return one_line(text)


class _Table:
    """Aligns the columns of one explanation: value, place, note."""

    def __init__(self, width: int, value: int, place: int) -> None:
        self.width = width
        self._value = value
        self._place = place

    def row(self, value: str, place: str, notes: Sequence[str]) -> Iterator[str]:
        """Give a row.

        Args:
            value: Cut to its column.
            place: Never cut.
            notes: The long form, and shorter ones for where it does not fit; the last one stands
                below where nothing fits.
        """
        place = one_line(place)
        left = f"  {pad(cut(value, self._value), self._value)}  "
        for note in notes:
            for middle in (pad(place, self._place), place):
                line = f"{left}{middle}  {note}".rstrip()
                if width_of(line) <= self.width:
                    yield line
                    return
        yield f"{left}{place}"
        if notes:
            has_room = self.width - len(left) > _LEAST_ROOM
            yield from self.wrapped(notes[-1], len(left) + 2 if has_room else 4)

    def wrapped(self, text: str, indent: int) -> Iterator[str]:
        """Give lines of a text; words longer than a line stay whole."""
        space = " " * indent
        yield from textwrap.wrap(
            text,
            max(self.width, indent + 20),
            initial_indent=space,
            subsequent_indent=space,
            break_long_words=False,
            break_on_hyphens=False,
        )


def _lines(explanation: Explanation, width: int) -> Iterator[str]:
    writers = explanation.writers
    value = max((width_of(value_text(writer.value)) for writer in writers), default=0)
    place = max((width_of(one_line(writer.place)) for writer in writers), default=0)
    table = _Table(width, min(value, max(width // 3, 12)), min(place, width // 2))
    yield from _head(explanation, table)
    for writer in explanation.writers:
        yield from table.row(value_text(writer.value), writer.place, _notes(writer))
    for target in explanation.targets:
        yield from _target(target, table, 2)
    for loss in explanation.dropped:
        yield from table.wrapped(_loss(loss, explanation), 2)


def _notes(writer: Writer) -> list[str]:
    if not writer.default_of:
        return [", ".join(map(_step, writer.by))]
    if writer.value == MISSING:
        return [f"{writer.default_of} has no default", "no default"]
    return [f"default of {writer.default_of}", "default"]


def _head(explanation: Explanation, table: _Table) -> Iterator[str]:
    if not explanation.is_there:
        yield f"{explanation.key} is not there"
        return
    bounds = f"({explanation.bounds})" if explanation.bounds else ""
    kind = " ".join(filter(None, (explanation.type, bounds)))
    if not kind:
        is_of_hydra = explanation.key.partition(".")[0].partition("/")[0] == "hydra"
        kind = "of Hydra" if is_of_hydra else "no setting has this name"
    head = f"{one_line(explanation.key)} = {value_text(explanation.value)}"
    facts = [kind, one_line(explanation.description)] if explanation.description else [kind]
    line = "  ".join([head, *facts])
    if width_of(line) <= table.width:
        yield line
        return
    yield head
    yield from table.wrapped("  ".join(facts), 4)


def _step(step: Step) -> str:
    place, text = one_line(step.place), one_line(step.text)
    if not place:
        return text
    if text == "&":
        return f"the value of the anchor at {place}"
    words = {"<<": "<< at ", "*": "the alias at "}
    return f"by {words[text]}{place}" if text in words else f"by {place} {text}".rstrip()


def _target(target: Target, table: _Table, indent: int) -> Iterator[str]:
    name = f"${{{one_line(target.text)}}}"
    if target.kind == "environment":
        state = "set" if target.is_set else "not set"
        fallback = f"; it falls back to {value_text(target.fallback)}"
        text = f"{name}: the variable {one_line(target.name)} is {state}"
        text += fallback if target.fallback is not None and not target.is_set else ""
        yield from table.wrapped(text, indent)
        return
    if not target.is_set:
        yield from table.wrapped(f"{name}: there is no such key", indent)
        return
    if target.writer is not None:
        note = f", {_notes(target.writer)[0]}".removesuffix(", ")
        text = f"{name} is {value_text(target.value)}: {one_line(target.writer.place)}{note}"
    elif target.kind == "hydra":
        text = f"{name} is {value_text(target.value)}"
    else:
        text = f"{name}: what the resolver {one_line(target.name)} makes of it"
    yield from table.wrapped(text, indent)
    for each in target.targets:
        yield from _target(each, table, indent + 2)


def _loss(loss: Loss, explanation: Explanation) -> str:
    """Say in a sentence what was taken away, and by whom."""
    writer, by = loss.writer, one_line(loss.by.place)
    pair = f"{loss.key}={value_text(writer.value)}"
    place = one_line(writer.place)
    how = f" ({', '.join(map(_step, writer.by))})" if writer.by else ""
    if loss.reason == "switch":
        return f"dropped: {place} wrote {pair}, which '{loss.tag}' does not have{how}"
    if loss.reason == "open":
        return f"{place} wrote {pair}, which replaces nothing{how}"
    if loss.reason == "replaced":
        return f"{by} replaced all that stood there: {pair} from {place}{how}"
    writers = explanation.writers
    is_default = bool(writers) and writers[0].kind == "default"
    back = " and went back to the default" if is_default else ""
    return f"{by} took away {pair} from {place}{how}{back}"
