"""Masking of a stream: what a job prints comes in pieces."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from brevetti_hydra._masks import Masking

__all__ = ["StreamMask"]


class StreamMask:
    """Masks a stream of bytes whose pieces may cut a secret in two.

    What could be the beginning of a secret at the end of a piece is held back until the next.
    """

    def __init__(self, masking: Masking) -> None:
        """Start at the beginning of a stream."""
        self._masking = masking
        self._forms = [form.encode("utf-8", "surrogateescape") for form in masking.forms]
        self._held = b""

    @property
    def held(self) -> bytes:
        """What is held back now."""
        return self._held

    def feed(self, piece: bytes) -> bytes:
        """Take the next piece and give what may be shown."""
        if not self._forms:
            return piece
        content = self._masking.stream(self._held + piece)
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
