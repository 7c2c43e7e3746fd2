"""Near misses of the override grammar: joined where they can mean one thing only, else answered.

`lr = 0.01` in three words and `layers=[1, 2]` in two are what a shell makes of one override. What
could mean something else is an error that says how it is written.
"""

from __future__ import annotations

import json
import re
import shlex
import unicodedata
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import plain_text
from brevetti_hydra.config import _hydra
from brevetti_hydra.config.safety.targets import is_target
from brevetti_hydra.errors import OverrideSyntaxError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.config.command_line.overrides import Argument
    from brevetti_hydra.config.models.fields import Shape

__all__ = [
    "fault_of",
    "flag_hint",
    "joined_words",
    "json_hint",
    "no_override",
    "quoted",
    "sweep_hint",
    "type_hint",
    "value_hint",
    "written",
    "wrong_key",
]

_KEY = r"(?:\+\+|\+|~)?[^\W\d][\w$/@.-]*(?:\[(?:'[^']*'|\"[^\"]*\")\])*"
_OPENING, _CLOSING = "[{(", "]})"
_DASHES = "\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}\N{HORIZONTAL BAR}"
_QUOTES = {ord(c): "'" for c in "\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}"} | {
    ord(c): '"' for c in "\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}"
}
# Words that the grammar reads as values of another kind.
_WORDS = frozenset({"null", "true", "false", "nan", "inf"})
# How pydantic reads times; what is none of these is answered with an example.
_TIMES = {
    "date": ("a date", "2026-11-23"),
    "datetime": ("a date and time", "2026-11-23T10:30:00"),
    "time": ("a time of day", "10:30"),
    "timedelta": ("a duration: seconds, [days] hours:minutes:seconds, or ISO 8601", "PT1H30M"),
}


def joined_words(words: Sequence[str]) -> int:
    """Tell how many of the next words are one override that the shell took apart.

    Args:
        words: The rest of the line; the first is no flag and begins no literal.

    Returns:
        1 where the first word stands for itself.
    """
    first, rest = words[0], words[1:]
    if not rest:
        return 1
    key, equals, value = first.partition("=")
    if not equals and re.fullmatch(_KEY, first):
        if rest[0] == "=" and len(rest) > 1 and not re.match(r"-\D|[^\[{]*=", rest[1]):
            return 2 + joined_words([f"{first}={rest[1]}", *rest[2:]])
        if re.match(r"=[^=]", rest[0]):
            return 1 + joined_words([first + rest[0], *rest[1:]])
        return 1
    if re.fullmatch(_KEY, key.strip()) and value.lstrip()[:1] in {"[", "{"}:
        return _closed(words)
    return 1


def _closed(words: Sequence[str]) -> int:
    """Count the words up to the bracket that closes the first one; 1 where none does."""
    depth = 0
    for number, word in enumerate(words, 1):
        if number > 1 and (word.startswith("--") or re.match(rf"{_KEY}=", word)):
            return 1
        depth += sum(map(word.count, _OPENING)) - sum(map(word.count, _CLOSING))
        if depth <= 0:
            return number
    return 1


def no_override(argument: Argument) -> OverrideSyntaxError:
    """Say how a word that is no override is written as one."""
    text = argument.shown
    if is_target(text) and text.partition(":")[2][:1].isupper():
        hint = f"to run it write job={text}"
    else:
        hint = _override_hint(text)
    return OverrideSyntaxError(f"'{text}' is no override", where=argument.origin.place(), hint=hint)


def wrong_key(argument: Argument) -> OverrideSyntaxError:
    """Say how a key that is none is written."""
    return OverrideSyntaxError(
        f"'{argument.key}' is no key",
        where=argument.origin.place(),
        hint=_key_hint(argument.key, argument.shown.partition("=")[2]),
    )


def _override_hint(text: str) -> str:
    unquoted = text.strip("'\"")
    colon = re.fullmatch(r"([\w.]+):\s*(\S.*)?", text)
    if text[:1] in _DASHES:
        return f"write two plain dashes: --{text.lstrip(_DASHES + '-')}"
    if unquoted != text and "=" in unquoted:
        return f"write it without the quotes: {unquoted}"
    if colon:
        return f"write it as {colon.group(1)}={colon.group(2) or 'VALUE'}"
    if text.startswith("=") and text != "=":
        return "name the key before '=': key=value"
    if text[:1] in {"[", "{"} or text[-1:] in {"]", "}"}:
        return "quote lists and mappings for the shell: 'layers=[1, 2]'"
    if re.fullmatch(r"[\w.+-]+", text) or text == "=":
        return "write key=value as one word, without spaces around '='"
    return "write it as key=value"


def _key_hint(key: str, value: str) -> str:
    unquoted = key.strip("'\"")
    if key[:1] in _DASHES:
        return f"write two plain dashes: --{key.lstrip(_DASHES + '-')} {value}".rstrip()
    if unquoted != key and re.fullmatch(r"[\w.]+", unquoted):
        if value[-1:] == key[:1]:
            return f"write it without the quotes: {unquoted}={value[:-1]}"
        return f"write the key without quotes: {unquoted}={value}"
    bare = key.strip(".:")
    if bare != key and re.fullmatch(_KEY, bare) and value:
        return f"write it as {_for_shell(f'{bare}={value}')}"
    if key.endswith("+"):
        return f"lists do not grow by '+='; give the whole list: {key[:-1]}=[...]"
    if "[" in key:
        return "put keys with special characters in quotes: weights['any text']=2"
    return "write nested keys with dots: model.hidden=32"


def flag_hint(text: str, following: str | None) -> str | None:
    """Say how a setting is written, where it stands behind one dash only."""
    name, equals, value = text.lstrip("-").partition("=")
    if not equals and following is not None and not following.startswith("-"):
        equals, value = "=", following
    return f"write --{name} {value}, or {name}={value}" if equals else None


# What lines of Hydra's messages begin with that say nothing of their own.
_NO_FACTS = ("See http", "^", "Error pars", "Error when pars")


def fault_of(message: str, text: str) -> str:
    """Take the fact out of Hydra's message of several lines."""
    lines = [line.strip() for line in message.splitlines()]
    kept = [line for line in lines if line and not line.startswith(_NO_FACTS)]
    if any(text.count(a) != text.count(b) for a, b in ("[]", "{}", "()")):
        return "a bracket in it is not closed, or was not opened"
    if not kept or kept[0].startswith("Lexer"):
        return "a character in it has to stand in quotes"
    called = re.match(r"\w+ while evaluating '(\w+)\(", kept[0])
    if called:
        return f"'{called[1]}' does not take what it is given"
    # What the grammar would have expected are names of its tokens.
    return kept[0].partition(" expecting ")[0]


def value_hint(sign: str, key: str, value: str) -> str:
    """Say how a value is written that does not follow the grammar."""
    plain = unicodedata.normalize("NFKC", value.translate(_QUOTES)).strip()
    plain = re.sub(r",\s*([\]}])", r"\1", plain.lstrip("= ").rstrip(",; "))
    plain = re.sub(r"^\((.*)\)$", r"[\1]", plain, flags=re.DOTALL)
    plain += _missing_brackets(plain)
    if plain[:1] == "{":
        plain = re.sub(r"(\w)\s*=\s*", r"\1: ", plain)
    several = re.fullmatch(rf"(\S+)((?:\s+{_KEY}=\S+)+)", plain)
    if several is not None and all(map(_is_readable, re.split(rf"\s+{_KEY}=", plain))):
        return f"write an argument of its own for each: {sign}{key}={plain}"
    name = key.rstrip(":")
    if (name != key or plain != value.strip()) and _is_readable(plain):
        return f"write it as {_for_shell(f'{sign}{name}={plain}')}"
    if plain[:1] in {"[", "{"}:
        example = '["a b", 1]' if plain[0] == "[" else '{"a b": 1}'
        return f"write JSON where a word needs quotes: --{key} '{example}'"
    return f"quote the value: {key}='\"...\"', or write --{key} ..."


def _missing_brackets(text: str) -> str:
    missing = ""
    for character in text:
        if character in _OPENING:
            missing = _CLOSING[_OPENING.index(character)] + missing
        elif missing.startswith(character):
            missing = missing[1:]
    return missing


def sweep_hint(key: str, text: str, shape: Shape | None) -> str:
    """Say how a value with commas is written, by the type of the setting."""
    kind = shape.annotation if shape is not None else None
    if kind is int and re.fullmatch(r"[-+]?\d{1,3}(,\d{3})+", text):
        return f"write {key}={text.replace(',', '_')}"
    if kind is float and re.fullmatch(r"[-+]?\d*,\d+", text):
        return f"write {key}={text.replace(',', '.')}"
    if kind in (int, float, bool):
        return f"give one value: {key}={text.partition(',')[0]}"
    in_list, as_text = f"{key}=[{text}]", f"{key}='\"{text}\"'"
    if shape is not None and shape.item is not None:
        return f"for a list write {in_list}"
    if shape is not None and shape.is_text:
        return f"for a text with commas write {as_text}"
    return f"for a text with commas write {as_text}, for a list {in_list}"


def json_hint(key: str, text: str, shape: Shape) -> str:
    """Say how the list or mapping that somebody means is written as JSON.

    Args:
        key: The key of the argument.
        text: What was given for it; "" where that is not to be shown.
        shape: What the setting is.
    """
    words = [word for word in re.split(r"[\s,]+", text.strip("[]{}() ")) if word]
    inner = shape.item if shape.item is not None else shape.value
    is_text = inner is not None and inner.is_text
    if shape.item is None:
        example = '{"a": "b"}' if is_text else '{"a": 1}'
    elif is_text:
        example = json.dumps(words or ["a", "b"], ensure_ascii=False)
    else:
        is_number = bool(words) and all(re.fullmatch(r"-?\d+(\.\d+)?", word) for word in words)
        example = f"[{', '.join(words)}]" if is_number else "[1, 2]"
    return f"quote it for the shell: --{key} {shlex.quote(example)}"


def type_hint(kind: str, value: Any, name: str, *, is_argument: bool, shape: Shape | None) -> str:
    """Say how a value of the wanted type is written, or ""."""
    time = next((t for t in sorted(_TIMES, key=len, reverse=True) if _is_about(kind, t)), None)
    if time is not None:
        shown, example = _TIMES[time]
        if is_argument:
            return f"write {shown}, as {name}={example}"
        return f"write {shown}, as {name.rpartition('.')[2]}: {example}"
    if kind in {"string_type", "path_type"} and value is None:
        if not is_argument or shape is None:
            return ""
        return f"for the text write {name}='\"null\"'" if shape.is_text else "quote it"
    if kind == "string_type" and isinstance(value, (int, float, bool)):
        return "quote it" if is_argument else "quote it in YAML"
    if value in ("", "None", "none") and shape is not None and shape.is_optional:
        return f"for no value write {name}=null"
    if value == "" and is_argument:
        return f"write a value behind '=', or ~{name} for the default of the class"
    return ""


def _is_about(kind: str, time: str) -> bool:
    # pydantic's kinds of faults: `date_parsing`, `datetime_from_date_parsing`, `time_delta_type`.
    return kind.startswith("time_delta_" if time == "timedelta" else f"{time}_")


def written(value: Any) -> str:
    """Write a plain value as the override grammar reads it: `[3,64]`, `{hidden: 3}`."""
    if isinstance(value, list | tuple):
        return f"[{','.join(map(written, value))}]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{key}: {written(item)}" for key, item in value.items()) + "}"
    if not isinstance(value, str):
        return plain_text(value)
    is_plain = re.fullmatch(r"[^\W\d][\w/.*-]*", value, re.ASCII)
    return value if is_plain and value.lower() not in _WORDS else quoted(value)


def quoted(text: str) -> str:
    """Write a text in the quotes of the override grammar.

    Backslashes count there only before a quote, the closing one among them.
    """
    escaped = re.sub(r"(\\+)(?='|\Z)", r"\1\1", text).replace("'", r"\'")
    return f"'{escaped}'"


def _is_readable(value: str) -> bool:
    try:
        parsed = _hydra.parse_override(f"key={value}")
    except _hydra.OverrideParseException:
        return False
    return not parsed.is_sweep_override()


def _for_shell(argument: str) -> str:
    """Quote an argument for the shell where it has to be."""
    return argument if re.fullmatch(r"[\w.,:=+~@/\[\]-]+", argument) else shlex.quote(argument)
