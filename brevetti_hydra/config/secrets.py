"""The secrets of one composition: who wrote them, and what is shown in their place."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from brevetti_hydra._masks import MASK, Masking, credentials_in
from brevetti_hydra._text import escape_control, similar_name
from brevetti_hydra.config.command_line.overrides import split_key
from brevetti_hydra.config.command_line.values import json_or_text
from brevetti_hydra.config.models.job_shapes import shape_at
from brevetti_hydra.config.safety.masks import (
    hidden_line,
    is_reference,
    literal_words,
    masked_argument,
    masked_line,
    secret_places,
    texts_in,
)
from brevetti_hydra.config.tree.origins import Node, Origin, node_of, walk
from brevetti_hydra.errors import BrevettiHydraError, ConfigErrors, OverrideSyntaxError, Place

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from brevetti_hydra.config.command_line.overrides import Argument
    from brevetti_hydra.config.composition import Composition
    from brevetti_hydra.config.models.fields import Shape
    from brevetti_hydra.config.tree.documents import Document

__all__ = [
    "WrittenSecret",
    "command_words",
    "find_secrets",
    "held_secrets",
    "hide_arguments",
    "hide_by_look",
    "hide_secrets",
    "may_hold_secrets",
    "secret_texts",
    "source_text",
]

# Refused there, but written it was.
_API_KEY = ("platform", "api_key")
_DEEPEST = 6


class WrittenSecret(NamedTuple):
    """A secret that somebody wrote.

    Attributes:
        origin: Where it stands.
        value: What was written, plain.
    """

    origin: Origin
    value: Any


def find_secrets(
    node: Node, shape: Shape | None, path: tuple[str, ...] = ()
) -> list[WrittenSecret]:
    """Find all secrets of a tree; also such as nothing will take, of a wrong type."""
    return [secret for secret in _found(node, shape, path) if not is_reference(secret.value)]


def _found(node: Node, shape: Shape | None, path: tuple[str, ...]) -> Iterator[WrittenSecret]:
    is_secret = shape is not None and shape.is_secret
    if path[:2] == _API_KEY or is_secret or _is_odd(node, shape):
        yield WrittenSecret(node.origin, node.plain())
    elif node.children is not None:
        tag = node.children.get(shape.discriminator or "") if shape is not None else None
        for key, child in node.children.items():
            below = shape.at(key, tag.value if tag else None) if shape is not None else None
            if below is None and shape is not None and _means_secret(key, shape):
                yield WrittenSecret(child.origin, child.plain())
            yield from _found(child, below, (*path, key))
    else:
        for place, value in secret_places(node.value, shape):
            yield WrittenSecret(node.origin, value)
            inner = node.inside(place) if place and node.inside is not None else None
            if inner is not None:
                yield WrittenSecret(inner, value)


def _means_secret(key: str, holder: Shape) -> bool:
    """Whether a key that nobody knows is a secret's, but for a slip of the fingers."""
    names = [name for name in holder.names() if (at := holder.at(name)) and at.holds_secret]
    return bool(names) and similar_name(key, names) is not None


def _is_odd(node: Node, shape: Shape | None) -> bool:
    """Whether a mapping stands where a list of secrets belongs."""
    return (
        node.children is not None
        and shape is not None
        and shape.item is not None
        and shape.holds_secret
    )


def hide_arguments(arguments: Iterable[Argument], root: Shape) -> list[WrittenSecret]:
    """Show each argument as the class's types say: with its value, or with a mask.

    An argument that nobody knows keeps what the look of its key said.

    Returns:
        The secrets that they hold.
    """
    found: list[WrittenSecret] = []
    for argument in arguments:
        secrets = _secrets_of(argument, root)
        if secrets is not None:
            argument.show(hidden=bool(secrets))
            found += secrets
    return found


def _secrets_of(argument: Argument, root: Shape) -> list[WrittenSecret] | None:
    """Find the secrets of an argument; None where no type tells."""
    try:
        path = split_key(argument)
    except OverrideSyntaxError:
        return None
    place: Shape | None = root
    for depth, key in enumerate(path, start=1):
        holder, place = place, place.at(key) if place is not None else None
        if path[:depth] == _API_KEY or (place is not None and place.is_secret):
            return _whole(argument)
        if place is None and holder is not None and _means_secret(key, holder):
            return _whole(argument)
        if place is None:
            return None
    value, is_read = _read(argument)
    if place is None or not is_read:
        return _whole(argument) if place is None or may_hold_secrets(place) else None
    found = find_secrets(node_of(value, argument.origin), place, path)
    # What is in an open mapping, no type tells.
    return found or (None if isinstance(value, dict | list) else [])


def _whole(argument: Argument) -> list[WrittenSecret]:
    """Take all of an argument's value for a secret, as it stands, as it is read, and its words."""
    if argument.value is None or is_reference(argument.value):
        return []
    words = literal_words(argument.value)
    value, _ = _read(argument)
    return [WrittenSecret(argument.origin, text) for text in (argument.value, value, words)]


def _read(argument: Argument) -> tuple[Any, bool]:
    """Read an argument's value, and tell whether it could be read."""
    parsed = argument.parsed
    if parsed is not None:
        return (None, False) if parsed.is_sweep_override() else (parsed.value(), True)
    if not argument.is_literal:
        return None, False
    return None if argument.value is None else json_or_text(argument.value), True


def may_hold_secrets(shape: Shape, depth: int = _DEEPEST) -> bool:
    """Tell whether a secret may stand somewhere in a place of this shape."""
    if shape.holds_secret:
        return True
    inner = [field.shape for field in shape.fields.values()] if depth else []
    inner += [*shape.variants.values(), *shape.members]
    inner += [s for s in (shape.item, shape.value) if s is not None]
    return bool(depth) and any(may_hold_secrets(each, depth - 1) for each in inner)


def secret_texts(composition: Composition) -> list[str]:
    """Give every text that is a secret: as written, as resolved, and in URLs."""
    found = [text for secret in composition.secrets for text in texts_in(secret.value)]
    # Of `${oc.env:X,hunter2}` a part is the secret, also while X is set.
    found += [word for text in found if "${" in text for word in literal_words(text)]
    resolved = composition.resolution.values
    for path, value in resolved.items():
        shape = shape_at(composition.shape(), path, composition.filled)
        found += [t for _, secret in secret_places(value, shape) for t in texts_in(secret)]
    plain = [node.plain() for _, node in walk(composition.filled)]
    for text in texts_in([*plain, *resolved.values(), (composition.info or {}).get("datasets")]):
        found += credentials_in(text)
    return [text for text in dict.fromkeys(found) if text and not is_reference(text)]


def command_words(command: Sequence[str], composition: Composition) -> list[str]:
    """Give the words of a command line as they may be recorded; each override is one word."""
    command = _rejoined(command, composition.arguments)
    shown = {argument.text: argument.shown for argument in composition.arguments}
    masked: list[str] = []
    hide_next = False
    for word, following in zip(command, [*command[1:], ""], strict=True):
        # `--token hunter2` is one argument and two words.
        pair = shown.get(f"{word} {following}")
        masked.append(MASK if hide_next else shown.get(word) or masked_argument(word))
        hide_next = word in {"--api_key", "--api-key"} or bool(pair and pair.endswith(MASK))
    return masked


def _rejoined(command: Sequence[str], arguments: Sequence[Argument]) -> list[str]:
    """Put the words together of which the line's reader made one override: `lr = 0.01`."""
    words = list(command)
    for argument in arguments:
        length = 1 if argument.is_literal else len(argument.words)
        for start in range(len(words) if length > 1 else 0):
            if tuple(words[start : start + length]) == argument.words:
                words[start : start + length] = [argument.text]
                break
    return words


def held_secrets(value: Any) -> Iterator[str]:
    """Give the secrets that validated settings hold: defaults and what validators made, too."""
    seen: set[int] = set()
    pending = [value]
    while pending:
        one = pending.pop()
        if one is None or isinstance(one, str | bytes | int | float) or id(one) in seen:
            continue
        seen.add(id(one))
        reveal = getattr(one, "get_secret_value", None)
        if reveal is not None:
            secret = reveal()
            raw = isinstance(secret, bytes)
            yield secret.decode("utf-8", "surrogateescape") if raw else str(secret)
        elif isinstance(one, dict):
            pending += [*one.keys(), *one.values()]
        elif isinstance(one, list | tuple | set | frozenset):
            pending += one
        elif isinstance(one, BaseModel) or dataclasses.is_dataclass(one):
            pending += vars(one).values() if hasattr(one, "__dict__") else _slots(one)
            pending += (getattr(one, "__pydantic_extra__", None) or {}).values()


def _slots(one: Any) -> list[Any]:
    return [getattr(one, field.name) for field in dataclasses.fields(one)]


def source_text(document: Document, composition: Composition) -> str:
    """Give the text of a YAML file without the secrets that it wrote."""
    from brevetti_hydra.config.tree.documents import without_values

    places = {secret.origin.label for secret in composition.secrets}
    places = {place for place in places if place.startswith(f"{document.label}:")}
    return without_values(document, places) if places else document.text


def hide_secrets(
    problems: Iterable[BrevettiHydraError], composition: Composition
) -> list[BrevettiHydraError]:
    """Mask secrets in errors and their places, in place.

    The line that wrote a secret is never shown, whatever it is; other texts by the one rule.
    """
    masking = Masking(secret_texts(composition))
    lines = {_line(secret.origin.label) for secret in composition.secrets}
    problems = list(problems)
    for problem in problems:
        place = problem.where
        if place is not None:
            is_hidden = place.line is not None and _line(place.label) in lines
            excerpt = hidden_line(place.excerpt) if is_hidden else place.excerpt
            problem.where = Place(escape_control(place.label), place.line, excerpt)
        masking.error(problem)
    return problems


def hide_by_look(error: BrevettiHydraError) -> None:
    """Mask what looks like a secret in the lines that an error shows, where no type is known."""
    if isinstance(error, ConfigErrors):
        for each in error.errors:
            hide_by_look(each)
    elif error.where is not None and error.where.excerpt:
        error.where = error.where._replace(excerpt=masked_line(error.where.excerpt))


def _line(label: str) -> str:
    """Give the place without its column."""
    return label.rpartition(":")[0]
