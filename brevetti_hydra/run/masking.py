"""Masking: the one place where secrets are taken out of what is written."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["MASK", "Masking", "StreamMask"]

# Always the same length, so that it does not tell the secret's.
MASK = "**********"

# Shorter secrets are looked for in values only: as keys they could be words of the format itself.
_LEAST_KEY_CHARACTERS = 8


class Masking:
    """Replaces secrets, in every form in which they get into texts.

    The forms are the text itself, its URL encodings, and its spelling inside JSON and Python
    literals. Many threads may use one.
    """

    __slots__ = ("forms", "has_secrets")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """Take the secrets; empty ones are none."""
        found: set[str] = set()
        for secret in secrets:
            if secret.strip():
                found |= _forms(secret)
        # The longest first: one form may hold another.
        self.forms = tuple(sorted(found, key=lambda form: (-len(form), form)))
        self.has_secrets = bool(self.forms)

    def text(self, text: str) -> str:
        """Mask a text."""
        for form in self.forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def content(self, content: bytes) -> bytes:
        """Mask the bytes of a file."""
        for form in self.forms:
            content = content.replace(_encode(form), MASK.encode())
        return content

    def tree(self, value: Any) -> Any:
        """Mask a tree of plain values: texts in it, and keys that hold a long secret."""
        if not self.has_secrets:
            return value
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self._key(key): self.tree(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.tree(item) for item in value]
        return value

    def _key(self, key: Any) -> Any:
        if not isinstance(key, str):
            return key
        for form in self.forms:
            if len(form) >= _LEAST_KEY_CHARACTERS:
                key = key.replace(form, MASK)
        return key


class StreamMask:
    """Masks a stream of bytes whose pieces may cut a secret in two.

    What could be the beginning of a secret at the end of a piece is held back until the next.
    """

    def __init__(self, masking: Masking) -> None:
        """Start at the beginning of a stream."""
        self._masking = masking
        self._forms = [_encode(form) for form in masking.forms]
        self._held = b""

    @property
    def held(self) -> bytes:
        """What is held back now."""
        return self._held

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece and give what may be shown."""
        if not self._forms:
            return piece
        content = self._masking.content(self._held + piece)
        keep = max((_overlap(content, form) for form in self._forms), default=0)
        self._held = content[len(content) - keep :]
        return content[: len(content) - keep]

    def flush(self) -> bytes:
        """Give what was held back: the stream has ended, or has been silent for long."""
        held, self._held = self._held, b""
        return held


def _overlap(content: bytes, form: bytes) -> int:
    """Count the bytes at the end of `content` that a form begins with."""
    for count in range(min(len(form) - 1, len(content)), 0, -1):
        if content.endswith(form[:count]):
            return count
    return 0


def _forms(secret: str) -> set[str]:
    from urllib.parse import quote, quote_plus

    raw = _encode(secret)
    quoted = {quote(raw), quote(raw, safe=""), quote_plus(raw)}
    # A URL inside a URL is quoted twice; some encoders write small letters.
    quoted |= {quote(text, safe="") for text in quoted}
    quoted |= {_small_escapes(text) for text in quoted}
    spelled = {json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]}
    return {secret, secret.strip(), repr(secret)[1:-1], *spelled, *quoted}


def _encode(text: str) -> bytes:
    # A command line may hold bytes that are no UTF-8.
    return text.encode("utf-8", "surrogateescape")


def _small_escapes(text: str) -> str:
    head, *rest = text.split("%")
    return "%".join([head, *(part[:2].lower() + part[2:] for part in rest)])
