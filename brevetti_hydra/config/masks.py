"""Secrets in arguments: what errors and records show instead."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["MASK", "masked_argument"]

MASK = "**********"
_SECRET_KEY = re.compile(r"(?i)(api_?key|token|secret|passw(or)?d|credential)")


def masked_argument(text: str, secrets: Sequence[str]) -> str:
    """Write an argument without its secret: by the setting's type, or by the look of its key."""
    key, separator, _ = text.partition("=")
    if separator and _SECRET_KEY.search(key):
        return f"{key}={MASK}"
    for secret in secrets:
        if secret:
            text = text.replace(secret, MASK)
    return text
