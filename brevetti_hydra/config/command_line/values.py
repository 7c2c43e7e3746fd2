"""The values of arguments, read by the types of their settings."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from brevetti_hydra.config import _hydra
from brevetti_hydra.errors import OverrideSyntaxError, SweepNotAskedError
from brevetti_hydra.settings import DatasetNode

if TYPE_CHECKING:
    from brevetti_hydra.config.command_line.overrides import Argument
    from brevetti_hydra.config.models.fields import Shape

__all__ = ["json_or_text", "literal_value", "override_value", "typed_text"]

# A list or mapping of plain words.
_FLAT = r"[\[{][^\[\]{}()'\"\\$]*[\]}]"


def literal_value(argument: Argument, shape: Shape | None) -> Any:
    """Read `--key value` by the field's type; pydantic reads numbers and booleans from text.

    Raises:
        OverrideSyntaxError: The value is missing, or is no JSON where a container belongs.
    """
    value = argument.value
    if value is None:
        if shape is None or shape.takes_flag:
            return True
        raise OverrideSyntaxError(
            f"'--{argument.key}' needs a value: {shape.type_text()}",
            where=argument.origin.place(),
            hint=f"write --{argument.key} VALUE, or {argument.key}=VALUE",
        )
    if shape is None or shape.is_text:
        return value
    if value == "null" and shape.is_optional:
        return None
    if shape.annotation is bool and "=" in value:
        raise OverrideSyntaxError(
            f"'--{argument.key}' takes true or false, not '{value}'",
            where=argument.origin.place(),
            hint=f"write --{argument.key}=true where another argument follows it",
        )
    try:
        return json.loads(value)
    except ValueError:
        # A dataset may be given by its bucket alone.
        if not shape.is_container or shape.model is DatasetNode:
            return value
        from brevetti_hydra.config.command_line.spelling import json_hint

        raise OverrideSyntaxError(
            f"'--{argument.key}' takes JSON: {shape.type_text()}",
            where=argument.origin.place(),
            hint=json_hint(argument.key, value if _is_shown(argument) else "", shape),
        ) from None


def json_or_text(text: str) -> Any:
    """Read a literal of which no type is known: JSON, or else the text itself."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def override_value(argument: Argument, shape: Shape | None) -> Any:
    """Read `key=value` by Hydra's grammar; a text stays as it is written.

    Raises:
        OverrideSyntaxError: It does not follow the grammar.
        SweepNotAskedError: It gives several values.
    """
    parsed, text = argument.parsed, (argument.value or "").strip()
    takes_text = shape is not None and shape.is_text
    if parsed is None:
        if takes_text:
            return text
        return _unparsed_value(argument, shape)
    if parsed.is_sweep_override():
        from brevetti_hydra.config.command_line.spelling import sweep_hint

        raise SweepNotAskedError(
            f"'{argument.shown}' is a sweep, but this is a single run",
            where=argument.origin.place(),
            notes=["with -m each of its values is a run of its own"],
            hint=sweep_hint(argument.key, text if _is_shown(argument) else "...", shape),
        )
    value = parsed.value()
    if isinstance(value, (dict, list)):
        return _with_texts(value, text, shape)
    if text == "None" and shape is not None and shape.is_optional and shape.annotation is str:
        # Python's word is hardly ever meant as a text where there may be none.
        raise OverrideSyntaxError(
            f"'{argument.shown}' may mean no value, or a text",
            where=argument.origin.place(),
            hint=f"for no value write {argument.key}=null, for the text {argument.key}='\"None\"'",
        )
    is_bare = not _hydra.is_quoted(parsed) and value is not None
    return text if takes_text and is_bare else value


def _unparsed_value(argument: Argument, shape: Shape | None) -> Any:
    """Read what Hydra's grammar cannot as JSON where a list or mapping belongs."""
    text = (argument.value or "").strip()
    if shape is not None and shape.is_container and text[:1] in {"[", "{"}:
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    from brevetti_hydra.config.command_line.spelling import value_hint

    raise OverrideSyntaxError(
        f"'{argument.shown}' cannot be read",
        where=argument.origin.place(),
        notes=[argument.fault or "it does not follow the override grammar"],
        hint=value_hint(argument.sign, argument.key, text if _is_shown(argument) else "..."),
    )


def _is_shown(argument: Argument) -> bool:
    """Whether nothing of it is masked, by its type or by its look."""
    return not argument.is_hidden and argument.shown == argument.text


def _with_texts(value: Any, text: str, shape: Shape | None) -> Any:
    """Take the elements of `[1.10, x]` as they stand where texts are wanted.

    Where brackets or quotes stand within, the grammar's reading stays, for pydantic to judge.
    """
    inner = (shape.item or shape.value) if shape is not None else None
    if (
        inner is None
        or not inner.is_text
        or not re.fullmatch(r"[\[{][^\[\]{}()'\"\\$]*[\]}]", text)
    ):
        return value
    parts = [part.strip() for part in text[1:-1].split(",")]
    if isinstance(value, list) and len(parts) == len(value):
        return [v if v is None else part for v, part in zip(value, parts, strict=True)]
    pairs = [tuple(map(str.strip, part.partition(":")[::2])) for part in parts]
    if isinstance(value, dict) and len(pairs) == len(value):
        read = zip(value.values(), pairs, strict=True)
        return {key: v if v is None else part for v, (key, part) in read}
    return value


def typed_text(value: Any, shape: Shape | None) -> Any:
    """Give a resolved text as the setting's type reads it: `${oc.env:N}` is text, an int an int.

    What the type does not take stays as it is, for the validation to judge.
    """
    if not isinstance(value, str) or shape is None or shape.is_text or shape.is_container:
        return value
    # Imported here: only an explanation of an interpolation asks.
    from pydantic import PydanticUserError, TypeAdapter, ValidationError
    from pydantic_core import to_jsonable_python

    try:
        return to_jsonable_python(TypeAdapter(shape.annotation).validate_python(value))
    except (ValidationError, PydanticUserError):
        return value
