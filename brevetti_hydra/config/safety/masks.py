"""Secrets in settings and arguments: where a tree says that they stand, and how they look."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import MASK, Masking

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.config.models.fields import Shape

__all__ = [
    "hidden_line",
    "is_reference",
    "is_secret_name",
    "literal_words",
    "masked_argument",
    "masked_line",
    "masked_value",
    "secret_places",
    "texts_in",
]

_NAMES = r"(?:api[-_]?key|token|secret|passw(?:or)?d|credential)"
_FORMS = (
    # `--token hunter2`, the literal form of two arguments
    re.compile(r"(?P<key>--[^=\s]*)(?P<sign> )(?P<value>.*)", re.DOTALL),
    re.compile(r"(?P<key>[^=]*)(?P<sign>=)(?P<value>.*)", re.DOTALL),
)
# `{api_key: hunter2}`, somewhere in a value or in a line of YAML
_INSIDE = rf"(?is)([\w.-]*{_NAMES}[\w.-]*['\"]?\]?\s*[:=]\s*)\S.*"
# What stands in `${oc.decode:...}` is the value itself, unless it is a reference.
_REFERENCE = (
    r"\$\{\s*(?:oc\.env\s*:\s*)?[\w.\[\]]+\s*\}"
    r"|\$\{\s*oc\.(?:decode\s*:|select\s*:\s*[\w.]*)\s*\}"
)
# The parts of a text with references that are no value: names of variables, keys and resolvers.
_NAMES_IN_REFERENCES = (
    r"\$\{\s*oc\.(?:env|select)\s*:\s*[\w.\[\]]*|\$\{\s*[\w.]+\s*:"
    r"|\$\{\s*[\w.\[\]]+\s*(?=\})"
)


def masked_argument(text: str) -> str:
    """Write an argument without what looks like a secret by its key, or is one in a URL.

    For keys that nobody knows yet; once the class is known its types tell (`secrets`).
    """
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None and is_secret_name(found["key"]):
            is_shown = is_reference(found["value"])
            return text if is_shown else f"{found['key']}{found['sign']}{MASK}"
    return masked_line(text)


def masked_line(text: str) -> str:
    """Write a line without what looks like a secret; of what follows on it nothing is shown."""
    return Masking().text(re.sub(_INSIDE, rf"\g<1>{MASK}", text))


def hidden_line(line: str) -> str:
    """Write a line of YAML that holds a secret: its key, and nothing of its value."""
    key, colon, _ = line.partition(":")
    return f"{key}: {MASK}" if colon else MASK


def is_secret_name(name: str) -> bool:
    """Whether a key or a variable is called as secrets are: API_KEY, token, password."""
    return re.search(rf"(?i){_NAMES}", name) is not None


def is_reference(value: Any) -> bool:
    """Whether a text only refers to other keys or the environment, and so holds no secret."""
    if not isinstance(value, str) or "${" not in value:
        return False
    rest, before = value, ""
    while rest != before:
        rest, before = re.sub(_REFERENCE, "", rest), rest
    return not rest.strip()


def literal_words(text: str) -> list[str]:
    """Give what a text says itself, word by word, without the names that it refers to.

    Example:
        >>> literal_words("${oc.env:KEY,hunter2}")
        ['hunter2']
    """
    rest = re.sub(_NAMES_IN_REFERENCES, " ", text) if "${" in text else text
    return re.findall(r"[^\s\[\]{}(),:'\"=$]+", rest)


def masked_value(value: Any, shape: Shape | None, *, keep_references: bool = False) -> Any:
    """Give a plain value with the secrets in it masked.

    Args:
        value: The value.
        shape: What it is.
        keep_references: Leave texts that are references only (`is_reference`).
    """
    masked = value
    for path, secret in list(secret_places(value, shape)):
        if secret is not None and not (keep_references and is_reference(secret)):
            masked = _replaced(masked, path)
    return masked


def secret_places(
    value: Any, shape: Shape | None, path: tuple[Any, ...] = ()
) -> Iterator[tuple[tuple[Any, ...], Any]]:
    """Give every place in a plain value where a secret belongs, with what stands there."""
    if shape is None:
        return
    if shape.is_secret:
        yield path, value
    elif isinstance(value, list):
        item = next((s.item for s in (shape, *shape.members) if s.item is not None), None)
        for number, element in enumerate(value):
            yield from secret_places(element, item, (*path, number))
    elif isinstance(value, dict):
        tag = value.get(shape.discriminator) if shape.discriminator else None
        for key, inner in value.items():
            yield from secret_places(inner, shape.at(key, tag), (*path, key))
    elif shape.holds_secret:
        yield path, value


def texts_in(value: Any) -> Iterator[str]:
    """Give every text in a plain value, keys among them; numbers too, as text."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from texts_in(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from texts_in(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)


def _replaced(value: Any, path: tuple[Any, ...]) -> Any:
    """Copy a value with the mask at one place."""
    if not path:
        return MASK
    copied = value.copy()
    copied[path[0]] = _replaced(value[path[0]], path[1:])
    return copied
