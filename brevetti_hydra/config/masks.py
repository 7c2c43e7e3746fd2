"""Secrets in settings and arguments: what errors and records show instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from brevetti_hydra.config.fields import Shape

__all__ = ["MASK", "masked_argument", "masked_text", "masked_value", "secrets_in"]

MASK = "**********"
_SECRET_KEY = re.compile(r"(?i)(api[-_]?key|token|secret|passw(or)?d|credential)")
_FORMS = (
    # `--token hunter2`, the literal form of two arguments
    re.compile(r"(?P<key>--[^=\s]*)(?P<sign> )(?P<value>.*)", re.DOTALL),
    re.compile(r"(?P<key>[^=]*)(?P<sign>=)(?P<value>.*)", re.DOTALL),
)
# Whoever has a shorter secret has none, and masking it would tear every message apart.
_LEAST_LENGTH = 4


def masked_argument(text: str, secrets: Sequence[str]) -> str:
    """Write an argument without its secret: by the setting's type, or by the look of its key."""
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None and _SECRET_KEY.search(found["key"]):
            return f"{found['key']}{found['sign']}{MASK}"
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return text


def masked_text(text: str, secrets: Sequence[str]) -> str:
    """Write a message without secrets; the longest first, as one may be a part of another."""
    for secret in sorted(set(secrets), key=len, reverse=True):
        if len(secret) >= _LEAST_LENGTH:
            text = text.replace(secret, MASK)
    return text


def masked_value(value: Any, shape: Shape | None, *, keep_references: bool = False) -> Any:
    """Give a plain value with the secrets in it masked.

    Args:
        value: The value.
        shape: What it is.
        keep_references: Leave texts with `${` in them, where they come from the environment.
    """

    def mask(secret: Any) -> Any:
        is_reference = keep_references and isinstance(secret, str) and "${" in secret
        return secret if secret is None or is_reference else MASK

    return _mapped(value, shape, mask)


def secrets_in(value: Any, shape: Shape | None) -> Iterator[str]:
    """Give every text in a value that stands where a secret belongs."""
    found: list[Any] = []
    _mapped(value, shape, found.append)
    for secret in found:
        yield from _texts(secret)


def _mapped(value: Any, shape: Shape | None, mask: Any) -> Any:
    if shape is None:
        return value
    if shape.is_secret:
        return mask(value)
    if isinstance(value, list):
        return [_mapped(item, shape.item, mask) for item in value]
    if isinstance(value, dict):
        tag = value.get(shape.discriminator) if shape.discriminator else None
        return {key: _mapped(item, shape.at(key, tag), mask) for key, item in value.items()}
    return mask(value) if shape.holds_secret else value


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)
    elif value is not None and not isinstance(value, bool):
        yield str(value)
