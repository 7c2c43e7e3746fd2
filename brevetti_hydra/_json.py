r"""The one writer of JSON: what JSON has no number for is text, in every file alike.

NaN and the infinities become "NaN", "Infinity" and "-Infinity"; pydantic reads them as floats again
where a float is meant. What UTF-8 cannot hold (a file name of other bytes) is spelled `\udcff`.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import PydanticSerializationError, to_json

__all__ = ["encodable", "json_bytes"]


def json_bytes(value: Any, *, indent: int | None = None) -> bytes:
    """Write plain values, or a model of ours, as JSON in UTF-8, without a line feed at the end.

    Args:
        value: Plain values and models; anything else is written as its text.
        indent: Spaces a level; None for one line.
    """
    try:
        # A tenth of the time that json takes.
        return to_json(value, indent=indent, inf_nan_mode="strings", fallback=str)
    except PydanticSerializationError:
        return to_json(encodable(value), indent=indent, inf_nan_mode="strings", fallback=str)


def encodable(value: Any) -> Any:
    """Spell what UTF-8 cannot hold, in all texts of a tree of plain values and models.

    The models of records refuse such texts, so that they are spelled before one is made.
    """
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {encodable(key): encodable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encodable(item) for item in value]
    if hasattr(value, "model_dump"):
        return encodable(value.model_dump())
    return value
