"""Mutations of bytes and of lines, for any text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from words import DEFAULTS, INTERPOLATIONS, KEYS, SCALARS, TARGETS, YAML_SNIPPETS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

__all__ = ["encoded", "mutate_bytes", "mutate_json", "mutate_text"]

_TOKEN = re.compile(r"[\w.]+|\$\{[^}]*\}|\S")
_VALUE = re.compile(r"(?m)(?<=[:\-,\[{] )[^\n,\]}#]+")


def encoded(random: Random, text: str) -> bytes:
    """Write a text as bytes, now and then in an encoding that nobody expects."""
    if random.random() < 0.04:
        name = random.choice(("utf-16", "utf-16-le", "latin-1", "utf-32", "utf-8-sig", "cp037"))
        return text.encode(name, "replace")
    return text.encode("utf-8", "surrogatepass")


def mutate_bytes(random: Random, content: bytes) -> bytes:
    """Flip, insert or cut some bytes."""
    changed = bytearray(content)
    for _ in range(random.choice((1, 1, 2, 5))):
        at = random.randrange(len(changed) + 1)
        chosen = random.randrange(4)
        if chosen == 0 and changed:
            changed[min(at, len(changed) - 1)] ^= 1 << random.randrange(8)
        elif chosen == 1:
            changed[at:at] = random.choice(
                (b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\x1b", b"\x80")
            )
        elif chosen == 2:
            del changed[at : at + random.choice((1, 3, 40))]
        else:
            changed[at:at] = bytes([random.randrange(256)])
    return bytes(changed)


def mutate_text(random: Random, text: str) -> str:
    """Change a text of YAML in some of many ways."""
    for _ in range(random.choice((1, 1, 1, 2, 3, 6))):
        text = random.choice(_CHANGES)(random, text)
    return text


def mutate_json(random: Random, text: str) -> str:
    """Change a text of JSON by tokens and lines, so that it may cease to be JSON."""
    for _ in range(random.choice((1, 1, 2, 4))):
        text = random.choice((_truncate, _lines, _token, _value, _delete))(random, text)
    return text


def _truncate(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    return random.choice((text[:at], text[at:]))


def _lines(random: Random, text: str) -> str:
    lines = text.split("\n")
    first, second = random.randrange(len(lines)), random.randrange(len(lines))
    chosen = random.randrange(5)
    if chosen == 0:
        lines[first], lines[second] = lines[second], lines[first]
    elif chosen == 1:
        lines.insert(first, lines[second])
    elif chosen == 2:
        del lines[first]
    elif chosen == 3:
        lines[first] = " " * random.choice((1, 2, 3, 40)) + lines[first]
    else:
        lines[first] = lines[first].lstrip()
    return "\n".join(lines)


def _token(random: Random, text: str) -> str:
    tokens = list(_TOKEN.finditer(text))
    if len(tokens) < 2:
        return text
    one, other = random.choice(tokens), random.choice(tokens)
    return text[: one.start()] + other[0] + text[one.end() :]


def _word(words: Sequence[str]) -> Callable[[Random, str], str]:
    def change(random: Random, text: str) -> str:
        tokens = list(_TOKEN.finditer(text))
        if not tokens:
            return random.choice(words)
        one = random.choice(tokens)
        return text[: one.start()] + random.choice(words) + text[one.end() :]

    return change


def _value(random: Random, text: str) -> str:
    values = list(_VALUE.finditer(text))
    if not values:
        return text
    one = random.choice(values)
    word = random.choice(random.choice((SCALARS, INTERPOLATIONS, INTERPOLATIONS, TARGETS)))
    if random.random() < 0.5:
        word = '"' + word.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return text[: one.start()] + word + text[one.end() :]


def _delete(random: Random, text: str) -> str:
    at = random.randrange(len(text) + 1)
    return text[:at] + text[at + random.choice((1, 2, 10)) :]


def _add_key(random: Random, text: str) -> str:
    """Add a key of note, with a value of note, nested where it has dots."""
    key, value = (
        random.choice(KEYS),
        random.choice(random.choice((SCALARS, INTERPOLATIONS, TARGETS))),
    )
    if random.random() < 0.6:
        value = '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    parts = key.split(".") if random.random() < 0.7 else [key]
    block = "\n".join(f"{'  ' * depth}{part}:" for depth, part in enumerate(parts))
    return f"{text}\n{block} {value}\n" if random.random() < 0.7 else f"{block} {value}\n{text}"


def _add_snippet(random: Random, text: str) -> str:
    snippet = random.choice(YAML_SNIPPETS)
    if random.random() < 0.5:
        return f"{snippet}\n{text}"
    at = random.choice([match.end() for match in re.finditer(r"\n|\Z", text)])
    return f"{text[:at]}{snippet}\n{text[at:]}"


def _defaults(random: Random, text: str) -> str:
    entries = [random.choice(DEFAULTS) for _ in range(random.choice((1, 1, 2, 4, 300)))]
    if random.random() < 0.15:
        block = f"defaults: {entries[0]}"
    else:
        block = "defaults:\n" + "\n".join(f"  - {entry}" for entry in entries)
    rest = re.sub(r"(?m)^defaults:.*\n(?:[ -].*\n)*", "", text)
    if random.random() < 0.5:
        return text.replace("  - _self_", f"  - _self_\n  - {entries[0]}", 1)
    return f"{block}\n{rest}" if random.random() < 0.8 else f"{rest}\n{block}\n"


def _deep(random: Random, text: str) -> str:
    levels = random.choice((10, 60, 64, 65, 70, 500, 5000))
    form = random.randrange(4)
    if form == 0:
        value = "[" * levels + "]" * levels
    elif form == 1:
        value = "{a: " * levels + "1" + "}" * levels
    elif form == 2:
        value = "\n" + "\n".join(" " * (depth + 1) + "a:" for depth in range(min(levels, 1000)))
    else:
        value = "- " * levels
    return f"{text}\n{random.choice(('anything', 'tree', 'nodes', 'job', 'x'))}: {value}\n"


def _wide(random: Random, text: str) -> str:
    count = random.choice((100, 3000, 20000, 60000))
    form = random.randrange(5)
    key = random.choice(("weights", "nodes", "anything", "layers", "job", "run", "x", "names"))
    if form == 0:
        body = f"{key}: {{" + ", ".join(f"k{number}: {number}" for number in range(count)) + "}"
    elif form == 1:
        body = f"{key}: [" + ", ".join(map(str, range(count))) + "]"
    elif form == 2:
        body = "\n".join(f"k{number}: {number}" for number in range(min(count, 20000)))
    elif form == 3:
        body = f"{key}: " + random.choice("9x ${'\"") * count * 10
    else:
        body = f"{key}:\n" + "\n".join(
            f"  k{number}: ${{{key}.k{number + 1}}}" for number in range(min(count, 2000))
        )
    return f"{text}\n{body}\n"


def _bomb(random: Random, text: str) -> str:
    """Aliases or interpolations that grow with each line."""
    levels, width = random.choice((3, 9, 30, 60)), random.choice((2, 9))
    key = random.choice(("x", "anything", "nodes"))
    form = random.randrange(5)
    if form == 0:
        lines = ["b0: &b0 [x, x]"] + [
            f"b{n}: &b{n} [{', '.join([f'*b{n - 1}'] * width)}]" for n in range(1, levels)
        ]
    elif form == 1:
        lines = ["b0: &b0 {k: v}"] + [
            f"b{n}: &b{n} {{{', '.join(f'k{w}: *b{n - 1}' for w in range(width))}}}"
            for n in range(1, levels)
        ]
    elif form == 2:
        lines = ["b0: xxxxxxxx"] + [
            f"b{n}: {f'${{{key}.b{n - 1}}}' * width}" for n in range(1, levels)
        ]
    elif form == 3:
        lines = ["b0: [1, 2]"] + [
            f"b{n}: [{', '.join([f'${{{key}.b{n - 1}}}'] * width)}]".replace("${", "'${").replace(
                "}", "}'"
            )
            for n in range(1, levels)
        ]
    else:
        lines = ["b0: &b0 {k: v}"] + [
            f"b{n}: &b{n} {{<<: [{', '.join([f'*b{n - 1}'] * width)}], k{n}: v}}"
            for n in range(1, levels)
        ]
    return f"{text}\n{key}:\n" + "\n".join(f"  {line}" for line in lines) + "\n"


def _line_ends(random: Random, text: str) -> str:
    return text.replace(
        "\n", random.choice(("\r\n", "\r", "\n\n", "\u2028", "\x85", "\n\t", " \n"))
    )


def _again(random: Random, text: str) -> str:
    return text * random.choice((2, 3, 50))


_CHANGES: tuple[Callable[[Random, str], str], ...] = (
    *(
        _truncate,
        _lines,
        _lines,
        _token,
        _token,
        _value,
        _value,
        _value,
        _delete,
        _add_key,
        _add_key,
    ),
    *(_add_key, _add_snippet, _add_snippet, _defaults, _defaults, _deep, _wide, _bomb, _line_ends),
    *(_again, _word(SCALARS), _word(INTERPOLATIONS), _word(INTERPOLATIONS), _word(TARGETS)),
    *(_word(KEYS), _word(DEFAULTS)),
)
