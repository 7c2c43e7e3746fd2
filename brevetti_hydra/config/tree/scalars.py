"""Plain values as YAML writes them."""

from __future__ import annotations

import json
from typing import Any

import yaml

__all__ = ["flow_text", "scalar_text"]


def flow_text(value: Any) -> str:
    """Write a value on one line."""
    text: str = yaml.safe_dump(
        value, default_flow_style=True, allow_unicode=True, width=1_000_000, sort_keys=False
    )
    return text.removesuffix("\n").removesuffix("\n...")


def scalar_text(value: Any, style: str | None, *, is_key: bool = False) -> str:
    """Write a value on one line, a text in the quotes that it had.

    Args:
        value: The value.
        style: YAML's mark of the style: `'`, `"`, or none.
        is_key: Whether it is a key, which is read as text whatever it looks like.
    """
    if not isinstance(value, str):
        return flow_text(value)
    if "\n" in value or not value.isprintable() or style == '"':
        return json.dumps(value, ensure_ascii=False)
    if style == "'":
        quoted = value.replace("'", "''")
        return f"'{quoted}'"
    return value if is_key and value.replace("_", "a").isalnum() else flow_text(value)
