"""JSON Schema of what a YAML file may say at a place of the tree, for an editor.

A file is a part of the tree: nothing is required, and where a value may stand, `${...}` and `???`
may stand as well. So most schemas take texts beside their own type, and a pattern tells the texts
apart: an editor marks the value itself then, not one of many alternatives.

JSON Schema draft-07, because the YAML language server knows that one best. It reads YAML 1.2, where
`1_000` and `yes` are texts; others read YAML 1.1, where `1e-3` is one. Patterns take them all.
"""

from __future__ import annotations

import datetime as dt
import decimal
import json
import re
import typing
import uuid
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from pydantic import SecretBytes, SecretStr

from brevetti_hydra.config.models.fields import Field, Shape, default_of
from brevetti_hydra.settings import DatasetNode

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

__all__ = ["REFERENCE", "REFERENCE_PATTERN", "Schema", "SchemaWriter", "either", "literal"]

Schema = dict[str, Any]

# An interpolation somewhere in the text, or a value that is left open.
REFERENCE_PATTERN = r"\$\{|^\?\?\?$"
REFERENCE: Schema = {"$ref": "#/definitions/reference"}

_DEFINITIONS: dict[str, Schema] = {
    "reference": {
        "type": "string",
        "pattern": REFERENCE_PATTERN,
        "description": "an interpolation, or ??? for a value that is left open",
    }
}
_INTEGER = r"^\s*[-+]?\d[\d_]*(\.0*)?([eE]\+?\d+)?\s*$|^[-+]?0[xob][\da-fA-F_]+$"
_NUMBER = (
    r"^\s*[-+]?(\d[\d_]*\.?[\d_]*|\.\d[\d_]*)([eE][-+]?\d+)?\s*$|^[-+]?0[xob][\da-fA-F_]+$"
    r"|^\s*[-+]?\.?([iI][nN][fF]([iI][nN][iI][tT][yY])?|[nN][aA][nN])\s*$"
)
_WORDS = ("true", "false", "yes", "no", "on", "off", "y", "n", "t", "f", "1", "0")
# Neither reader of patterns takes a flag for letters of both cases.
_BOOLEAN = "|".join(
    "^" + "".join(f"[{c}{c.upper()}]" if c.isalpha() else c for c in word) + "$" for word in _WORDS
)
_LIMITS = {
    "gt": "exclusiveMinimum",
    "ge": "minimum",
    "lt": "exclusiveMaximum",
    "le": "maximum",
    "multiple_of": "multipleOf",
}
_TIMES = (dt.date, dt.time, dt.timedelta)
# What the pattern of a user may not hold: Python and Rust know it, JavaScript does not.
_FOREIGN_PATTERN = re.compile(r"\(\?[^:=!<]|\(\?<[^=!]|\\[AzZQEpP]|[*+?}]\+|&&|\[\[")


class SchemaWriter:
    """Writes schemas that share one table of definitions.

    Attributes:
        definitions: The models met so far, by name; they are what `$ref` refers to.
    """

    def __init__(self) -> None:
        self.definitions: dict[str, Schema] = {name: {**d} for name, d in _DEFINITIONS.items()}
        self._names: dict[type, str] = {}

    def value(self, shape: Shape) -> Schema:
        """Write what may stand where a shape is."""
        if shape.is_rewritten and shape.model is not DatasetNode:
            return self._open(shape)
        return self._strict(shape)

    def _open(self, shape: Shape) -> Schema:
        """Tell what to complete where a validator of the user may take anything."""
        if shape.model is not None:
            return {"properties": self.closed_mapping(shape)["properties"]}
        return {"examples": list(shape.literals)} if shape.literals else {}

    def _strict(self, shape: Shape) -> Schema:
        if shape.variants:
            models = {id(variant): variant for variant in shape.variants.values()}
            return self._any([self.value(each) for each in models.values()], shape)
        if shape.members:
            return self._any([self.value(each) for each in shape.members], shape)
        if shape.model is not None and getattr(shape.model, "__pydantic_root_model__", False):
            # Written as what it holds.
            root = self.value(shape.fields["root"].shape)
            return either([root, {"type": "null"}]) if shape.is_optional else root
        if shape.model is not None:
            return self._any([self._model(shape)], shape)
        if shape.literals:
            return self._any([{"enum": list(dict.fromkeys(shape.literals))}], shape)
        if shape.value is not None:
            return _container("object", "a mapping", shape, self.open_mapping(shape))
        if shape.item is not None:
            return _container("array", "a list", shape, self._list(shape, shape.item))
        return _scalar(shape)

    def _any(self, schemas: list[Schema], shape: Shape) -> Schema:
        if shape.model is not None and not shape.is_optional:
            return schemas[0]
        schemas = [each for schema in schemas for each in schema.get("anyOf", [schema])]
        if shape.model is None:
            schemas.append(REFERENCE)
        if shape.is_optional:
            schemas.append({"type": "null"})
        return either(schemas)

    def _model(self, shape: Shape) -> Schema:
        model = typing.cast("type", shape.model)
        if model not in self._names:
            name = model.__name__
            while name in self.definitions:
                name += "_"
            self._names[model] = name
            # Known before it is whole: a model may hold itself.
            self.definitions[name] = {}
            self.definitions[name].update(
                {
                    "type": ["object", "string"],
                    **self.closed_mapping(shape),
                    "pattern": REFERENCE_PATTERN,
                    "patternErrorMessage": "must be a mapping, or ${...}",
                }
            )
            if model is DatasetNode:
                # A plain text is its bucket.
                for key in ("pattern", "patternErrorMessage"):
                    del self.definitions[name][key]
        return {"$ref": f"#/definitions/{self._names[model]}"}

    def closed_mapping(self, shape: Shape) -> Schema:
        """Write the keys of a model: `properties`, and that there are no others."""
        properties: dict[str, Schema] = {}
        for field in shape.fields.values():
            properties.update(self.properties(field))
        schema: Schema = {"properties": properties}
        summary = _summary(shape.model)
        if summary:
            schema["description"] = summary
        if not shape.is_rewritten or shape.model is DatasetNode:
            schema["additionalProperties"] = False
        return schema

    def properties(self, field: Field) -> dict[str, Schema]:
        """Write a field under its name, and under its aliases, which no editor proposes."""
        schema = self._open(field.shape) if field.is_rewritten else self.value(field.shape)
        found = {field.name: _described(schema, field)}
        for alias in field.aliases:
            about = f"another name of '{field.name}'"
            found[alias] = {**schema, "description": about, "doNotSuggest": True}
        return found

    def open_mapping(self, shape: Shape) -> Schema:
        """Write the values of a mapping whose keys are open; literal keys are proposed."""
        value = self.value(shape.value) if shape.value is not None else {}
        arguments = typing.get_args(shape.annotation)
        keys = Shape(arguments[0]).literals if len(arguments) > 1 else ()
        if keys:
            names = [str(key) for key in keys]
            return {"properties": dict.fromkeys(names, value), "additionalProperties": False}
        return {"additionalProperties": value}

    def _list(self, shape: Shape, item: Shape) -> Schema:
        arguments = typing.get_args(shape.annotation)
        is_tuple = typing.get_origin(shape.annotation) is tuple and Ellipsis not in arguments
        if is_tuple and arguments:
            count = len(arguments) if arguments != ((),) else 0
            items = [self.value(Shape(each)) for each in arguments[:count]]
            return {
                "items": items,
                "additionalItems": False,
                "minItems": count,
                "maxItems": count,
            }
        # Lists are replaced as a whole, so that their lengths can be judged in a part of the tree.
        # Elements of a set are counted after equal ones became one.
        schema: Schema = {"items": self.value(item)}
        least, most = _lengths(shape.facts)
        if least:
            schema["minItems"] = least
        is_set = _is_set(shape.annotation)
        return schema if most is None or is_set else {**schema, "maxItems": most}


def literal(text: str) -> str:
    """Write a text as a pattern that is read alike by Python and JavaScript."""
    return re.sub(r"[\\^$.|?*+()\[\]{}/]", r"\\\g<0>", text)


def either(schemas: Iterable[Schema]) -> Schema:
    """Join alternatives, each once."""
    found: list[Schema] = []
    for schema in schemas:
        if schema not in found:
            found.append(schema)
    return found[0] if len(found) == 1 else {"anyOf": found}


def _described(schema: Schema, field: Field) -> Schema:
    """Say of a value what it is: its description, type, bounds and default."""
    description = field.info.description or ""
    shape = field.shape
    kind = f"`{shape.type_text()}`"
    if shape.variants:
        kind = f"chosen by `{shape.discriminator}`: " + ", ".join(f"`{v}`" for v in shape.variants)
    bounds = f" ({', '.join(shape.bounds)})" if shape.bounds else ""
    facts = [kind + bounds]
    about: Schema = {}
    if description:
        about["description"] = description
    if field.is_required:
        facts.append("required")
    elif shape.holds_secret:
        facts.append("better not written into a file: `${oc.env:NAME}`")
    elif not shape.is_container:
        default = _plain_default(field)
        if default is not None:
            # null would be completed as the text "null".
            about["default"] = default
        if default is not None or shape.is_optional:
            facts.append(f"default `{json.dumps(default, ensure_ascii=False)}`")
    about["markdownDescription"] = "\n\n".join(filter(None, (description, ", ".join(facts))))
    return {**schema, **about}


def _plain_default(field: Field) -> Any:
    """Give a default that JSON can spell, else None."""
    try:
        default = default_of(field)
    except Exception:  # noqa: BLE001 - a default factory is the user's code
        return None
    if isinstance(default, float) and not abs(default) < float("inf"):
        return None
    return default if isinstance(default, (bool, int, float, str)) else None


def _summary(model: type | None) -> str:
    """Give the first line of a class's own docstring."""
    text = (vars(model).get("__doc__") or "") if model is not None else ""
    # A dataclass without a docstring gets its signature for one.
    line = text.strip().partition("\n")[0]
    return "" if model is not None and line.startswith(f"{model.__name__}(") else line


def _container(kind: str, wanted: str, shape: Shape, inner: Schema) -> Schema:
    return {
        "type": [kind, "string", *(["null"] if shape.is_optional else [])],
        **inner,
        "pattern": REFERENCE_PATTERN,
        "patternErrorMessage": f"must be {wanted}, or ${{...}}",
    }


def _scalar(shape: Shape) -> Schema:
    """Write one value that is neither mapping nor list."""
    kind = shape.annotation
    schema: Schema = {}
    if kind is bool:
        schema = _texts(["boolean", "integer"], _BOOLEAN, "true or false")
        # As numbers only these two mean anything.
        schema |= {"minimum": 0, "maximum": 1}
    elif kind is int:
        schema = _texts(["integer"], _INTEGER, "an integer") | _limits(shape.facts)
    elif kind in (float, decimal.Decimal):
        schema = _texts(["number"], _NUMBER, "a number") | _limits(shape.facts)
    elif kind is type(None):
        return {"anyOf": [{"type": "null"}, REFERENCE]}
    elif _is_kind(kind, (str, SecretStr, SecretBytes, PurePath, uuid.UUID)):
        schema = {"type": ["string"], **_text_limits(shape.facts)}
    elif _is_kind(kind, _TIMES):
        schema = {"type": ["string", "number"]}
    if not schema:
        # Any, or a type that only its own validator knows.
        return {}
    names = [*schema.pop("type"), *(["null"] if shape.is_optional else [])]
    return {"type": names[0] if len(names) == 1 else names, **schema}


def _is_kind(annotation: Any, kinds: tuple[type, ...]) -> bool:
    if not isinstance(annotation, type):
        return False
    # A class of the user that derives from one of these may read more than its base does.
    return annotation in kinds or (
        issubclass(annotation, kinds) and annotation.__module__ in _KNOWN_MODULES
    )


_KNOWN_MODULES = {"builtins", "datetime", "pathlib", "pydantic.types", "uuid", "decimal"}


def _texts(names: list[str], pattern: str, wanted: str) -> Schema:
    return {
        "type": [*names, "string"],
        "pattern": f"{pattern}|{REFERENCE_PATTERN}",
        "patternErrorMessage": f"must be {wanted}, or ${{...}}",
    }


def _limits(facts: Sequence[Any]) -> Schema:
    """Give the bounds that JSON Schema can say; a tighter one of two wins."""
    found: Schema = {}
    for item in facts:
        for name, keyword in _LIMITS.items():
            limit = getattr(item, name, None)
            if keyword == "multipleOf" and isinstance(limit, float):
                # pydantic leaves room for rounding here, and JSON Schema does not.
                continue
            if isinstance(limit, (int, float)) and abs(limit) < float("inf"):
                found.setdefault(keyword, limit)
    return found


def _text_limits(facts: Sequence[Any]) -> Schema:
    """Give lengths and pattern of a text, which do not hold for `${...}`."""
    least, most = _lengths(facts)
    ahead = ""
    if least or most is not None:
        ahead = f"(?=[\\s\\S]{{{least},{'' if most is None else most}}}$)"
    for item in facts:
        if getattr(item, "strip_whitespace", None) or getattr(item, "to_lower", None):
            # What is judged is another text than what is written.
            return {}
        pattern = getattr(item, "pattern", None)
        pattern = pattern.pattern if isinstance(pattern, re.Pattern) else pattern
        if isinstance(pattern, str) and not _FOREIGN_PATTERN.search(pattern):
            ahead += f"(?=[\\s\\S]*(?:{pattern}))"
    return {"pattern": f"^{ahead}|{REFERENCE_PATTERN}"} if ahead else {}


def _lengths(facts: Sequence[Any]) -> tuple[int, int | None]:
    least, most = 0, None
    for item in facts:
        least = getattr(item, "min_length", None) or least
        limit = getattr(item, "max_length", None)
        most = limit if limit is not None else most
    return least, most


def _is_set(annotation: Any) -> bool:
    kind = typing.get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, (set, frozenset))
