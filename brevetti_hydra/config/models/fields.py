"""What the settings models say about each key: its type, default, bounds, description.

A `Shape` describes a place of the tree; it is read off the annotations of pydantic models, pydantic
dataclasses and standard dataclasses, lazily, so that recursive models end and unused branches cost
nothing. It guides and explains; pydantic alone judges.
"""

from __future__ import annotations

import dataclasses
import enum
import sys
import types
import typing
from pathlib import PurePath
from typing import Annotated, Any, Literal, NamedTuple, Union

from pydantic import AliasChoices, BaseModel, SecretBytes, SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

__all__ = ["Field", "Shape", "default_of", "instance_of", "model_shape"]

_UNIONS = (Union, types.UnionType)
_TEXT_TYPES = (str, PurePath, SecretStr)
_LISTS = (list, tuple, set, frozenset)


class Field(NamedTuple):
    """One field of a model.

    Attributes:
        name: Its key.
        aliases: Other keys that mean it.
        info: pydantic's own description of it.
        shape: What may stand there.
        owner: The class that has it.
        attribute: Its name in Python; another than `name` where Python cannot spell that.
    """

    name: str
    aliases: tuple[str, ...]
    info: FieldInfo
    shape: Shape
    owner: type
    attribute: str

    @property
    def is_required(self) -> bool:
        """Whether it has no default."""
        return self.info.is_required()

    @property
    def is_rewritten(self) -> bool:
        """Whether a validator of its class sees the value before its type is looked at."""
        decorators = getattr(self.owner, "__pydantic_decorators__", None)
        if decorators is None:
            return False
        validators = [*decorators.field_validators.values(), *decorators.validators.values()]
        names = {self.name, *self.aliases, "*"}
        return any(each.info.mode != "after" and names & {*each.info.fields} for each in validators)


class Shape:
    """What may stand at one place of the tree.

    Attributes:
        annotation: The type, without Annotated.
        model: The class, where the place is a mapping with known keys.
        members: Of a union without discriminator: the shapes of its members.
        variants: Of a union of models: discriminator value -> shape.
        discriminator: The key that chooses among the variants.
        value: Of a mapping with open keys: the shape of its values.
        item: Of a list: the shape of its elements.
        is_optional: Whether null may stand there.
        bounds: `> 0`, `<= 1`, a text each.
        metadata: What stands beside the type: bounds, patterns and validators of pydantic.
    """

    __slots__ = (
        "_fields",
        "annotation",
        "bounds",
        "discriminator",
        "is_optional",
        "item",
        "members",
        "metadata",
        "model",
        "value",
        "variants",
    )

    def __init__(self, annotation: Any, metadata: typing.Iterable[Any] = ()) -> None:
        annotation, inner = _unwrap(annotation)
        metadata = [*metadata, *inner]
        self.bounds = tuple(dict.fromkeys(_bounds(metadata)))
        self.metadata: tuple[Any, ...] = tuple(metadata)
        self.is_optional = False
        self.model: type | None = None
        self.members: tuple[Shape, ...] = ()
        self.variants: dict[str, Shape] = {}
        self.discriminator: str | None = None
        self.value: Shape | None = None
        self.item: Shape | None = None
        self._fields: dict[str, Field] | None = None
        if typing.get_origin(annotation) in _UNIONS:
            annotation, metadata = self._read_union(annotation, metadata)
        self.annotation = annotation
        if not self.variants:
            self._read(annotation)

    def _read_union(self, annotation: Any, metadata: list[Any]) -> tuple[Any, list[Any]]:
        members = [member for member in typing.get_args(annotation) if member is not type(None)]
        self.is_optional = len(members) < len(typing.get_args(annotation))
        if len(members) == 1:
            annotation, inner = _unwrap(members[0])
            self.bounds = tuple(dict.fromkeys((*self.bounds, *_bounds(inner))))
            self.metadata = (*self.metadata, *inner)
            if typing.get_origin(annotation) not in _UNIONS:
                return annotation, inner
            is_optional = self.is_optional
            annotation, metadata = self._read_union(annotation, [*metadata, *inner])
            self.is_optional |= is_optional
            return annotation, metadata
        shapes = [Shape(member) for member in members]
        if all(shape.model is not None for shape in shapes):
            self.discriminator = _discriminator(metadata, shapes)
        if self.discriminator is None:
            self.members = tuple(shapes)
        else:
            for shape in shapes:
                for tag in _literals(shape.fields[self.discriminator].shape.annotation):
                    self.variants[str(tag)] = shape
        return annotation, metadata

    def _read(self, annotation: Any) -> None:
        origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
        if _is_model(annotation):
            self.model = annotation
        elif annotation is dict or origin is dict or _is_mapping(origin):
            self.value = Shape(arguments[1] if len(arguments) > 1 else Any)
        elif annotation in _LISTS or origin in _LISTS or _is_sequence(origin):
            self.item = Shape(arguments[0] if arguments else Any)

    @property
    def fields(self) -> dict[str, Field]:
        """The known keys; empty where there are none."""
        if self._fields is None:
            self._fields = _read_fields(self.model) if self.model is not None else {}
        return self._fields

    @property
    def is_text(self) -> bool:
        """Whether any text may stand there as it is: str, Path, Secret, literals of str."""
        literals = _literals(self.annotation)
        if literals:
            return all(isinstance(literal, str) for literal in literals)
        return isinstance(self.annotation, type) and issubclass(self.annotation, _TEXT_TYPES)

    @property
    def takes_flag(self) -> bool:
        """Whether `--key` alone, which means true, makes sense: bool, or anything at all."""
        return self.annotation in {bool, Any} or (
            typing.get_origin(self.annotation) in _UNIONS
            and bool in typing.get_args(self.annotation)
        )

    @property
    def is_secret(self) -> bool:
        """Whether the value must never be shown."""
        annotation = self.annotation
        if self.members:
            return any(member.is_secret for member in self.members)
        return isinstance(annotation, type) and issubclass(annotation, (SecretStr, SecretBytes))

    @property
    def literals(self) -> tuple[Any, ...]:
        """The only values that may stand there: those of a Literal or an Enum; else none."""
        return _literals(self.annotation)

    @property
    def facts(self) -> list[Any]:
        """The metadata, with what `Field(...)` inside of an annotation holds."""
        return [fact for item in self.metadata for fact in (item, *getattr(item, "metadata", ()))]

    @property
    def is_rewritten(self) -> bool:
        """Whether a validator of the user sees the value before its type is looked at.

        What may be written there is then known to that validator alone.
        """
        if any(_is_early(item) for item in self.facts):
            return True
        decorators = getattr(self.model, "__pydantic_decorators__", None)
        if decorators is None:
            return False
        validators = [*decorators.model_validators.values(), *decorators.root_validators.values()]
        return any(each.info.mode != "after" for each in validators)

    @property
    def holds_secret(self) -> bool:
        """Whether secrets stand there, alone or as the elements of a list or mapping."""
        inner = self.item if self.item is not None else self.value
        return self.is_secret or (inner is not None and inner.holds_secret)

    @property
    def is_container(self) -> bool:
        """Whether a mapping or list stands there."""
        return bool(self.model or self.variants or self.value is not None or self.item is not None)

    def at(self, key: str, tag: object = None) -> Shape | None:
        """Find the shape below a key; below a list, that of a key of its elements.

        Args:
            key: The key.
            tag: In a discriminated union: the discriminator's value.
        """
        if self.value is not None:
            return self.value
        if self.item is not None:
            return self.item.at(key, tag)
        shape = self.variants.get(str(tag)) if self.variants else self
        field = shape.field(key) if shape is not None else None
        if field is None and self.variants:
            # An unknown tag, or another variant's key: any variant that has it can describe it.
            field = next((f for s in self.variants.values() if (f := s.field(key))), None)
        if field is not None:
            return field.shape
        return next((s for member in self.members if (s := member.at(key, tag))), None)

    def field(self, key: str) -> Field | None:
        """Find a field by its name or one of its aliases."""
        found = self.fields.get(key)
        if found is None:
            found = next((f for f in self.fields.values() if key in f.aliases), None)
        return found

    def names(self) -> list[str]:
        """Give all keys that may stand here."""
        if self.variants:
            return list(dict.fromkeys(n for s in self.variants.values() for n in s.fields))
        if self.members:
            return list(dict.fromkeys(n for member in self.members for n in member.names()))
        return list(self.fields)

    def type_text(self) -> str:
        """Write the type as a reader of the help expects it: `int`, `'adam' | 'sgd' | null`."""
        text = _type_text(self.annotation)
        return f"{text} | null" if self.is_optional else text


def model_shape(model: type) -> Shape:
    """Describe a whole settings class."""
    return Shape(model)


def default_of(field: Field) -> Any:
    """Give a field's default as JSON-like values; secrets masked.

    Raises:
        ValueError: The field is required.
    """
    from pydantic_core import to_jsonable_python

    if field.is_required:
        message = f"'{field.name}' has no default"
        raise ValueError(message)
    return to_jsonable_python(
        instance_of(field), by_alias=False, serialize_unknown=True, inf_nan_mode="constants"
    )


def instance_of(field: Field) -> Any:
    """Give a field's default as it is in Python; None where other values decide, or without one."""
    if field.is_required or field.info.default_factory_takes_validated_data:
        return None
    return field.info.get_default(call_default_factory=True)


def _unwrap(annotation: Any) -> tuple[Any, list[Any]]:
    metadata: list[Any] = []
    while True:
        if typing.get_origin(annotation) is Annotated:
            annotation, *found = typing.get_args(annotation)
            metadata += found
        elif hasattr(annotation, "__value__"):  # `type X = ...` of Python 3.12
            annotation = annotation.__value__
        else:
            return annotation, metadata


def _is_early(item: Any) -> bool:
    from pydantic import BeforeValidator, PlainValidator, WrapValidator

    return isinstance(item, (BeforeValidator, PlainValidator, WrapValidator))


def _is_model(annotation: Any) -> bool:
    return isinstance(annotation, type) and (
        issubclass(annotation, BaseModel) or dataclasses.is_dataclass(annotation)
    )


def _is_mapping(origin: Any) -> bool:
    import collections.abc

    return isinstance(origin, type) and issubclass(origin, collections.abc.Mapping)


def _is_sequence(origin: Any) -> bool:
    import collections.abc

    return isinstance(origin, type) and issubclass(
        origin, (collections.abc.Sequence, collections.abc.Set)
    )


def _read_fields(model: type) -> dict[str, Field]:
    if issubclass(model, BaseModel):
        infos = dict(model.model_fields)
    elif hasattr(model, "__pydantic_fields__"):
        infos = dict(model.__pydantic_fields__)
    else:
        infos = _dataclass_fields(model)
    fields = {}
    for name, info in infos.items():
        if info.init is False:
            continue
        shape = Shape(info.annotation, [*info.metadata, info])
        aliases = _aliases(name, info)
        key = name
        if aliases and aliases[0].startswith("_"):
            # A key that Python cannot spell, `_target_`: the alias is what users write and see.
            key, aliases = aliases[0], (name, *aliases[1:])
        fields[key] = Field(key, aliases, info, shape, model, name)
    return fields


def _dataclass_fields(model: type) -> dict[str, FieldInfo]:
    hints = typing.get_type_hints(
        model, vars(sys.modules.get(model.__module__)), include_extras=True
    )
    infos = {}
    for field in dataclasses.fields(model):
        if not field.init:
            continue
        hint = hints[field.name]
        if field.default is not dataclasses.MISSING:
            infos[field.name] = FieldInfo.from_annotated_attribute(hint, field.default)
        else:
            infos[field.name] = FieldInfo.from_annotation(hint)
            if field.default_factory is not dataclasses.MISSING:
                infos[field.name].default_factory = field.default_factory
        description = field.metadata.get("description")
        if description and infos[field.name].description is None:
            infos[field.name].description = str(description)
    return infos


def _aliases(name: str, info: FieldInfo) -> tuple[str, ...]:
    found: list[str] = []
    for alias in (info.alias, info.validation_alias):
        if isinstance(alias, str):
            found.append(alias)
        elif isinstance(alias, AliasChoices):
            found += [choice for choice in alias.choices if isinstance(choice, str)]
    return tuple(dict.fromkeys(alias for alias in found if alias != name))


def _discriminator(metadata: list[Any], shapes: list[Shape]) -> str | None:
    for item in metadata:
        name = getattr(item, "discriminator", None)
        if isinstance(name, str) and all(name in shape.fields for shape in shapes):
            return name
    return None


def _literals(annotation: Any) -> tuple[Any, ...]:
    if typing.get_origin(annotation) is Literal:
        return tuple(
            literal.value if isinstance(literal, enum.Enum) else literal
            for literal in typing.get_args(annotation)
        )
    if isinstance(annotation, type) and issubclass(annotation, enum.Enum):
        return tuple(member.value for member in annotation)
    return ()


_SIGNS = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}


def _bounds(metadata: typing.Iterable[Any]) -> typing.Iterator[str]:
    seen = set()
    for item in metadata:
        if isinstance(item, FieldInfo):  # `list[Annotated[int, Field(gt=0)]]`
            yield from _bounds(item.metadata)
        for name, sign in _SIGNS.items():
            limit = getattr(item, name, None)
            if limit is not None and (name, limit) not in seen:
                seen.add((name, limit))
                yield f"{sign} {limit}"
        multiple = getattr(item, "multiple_of", None)
        if multiple is not None:
            yield f"multiple of {multiple}"
        for name, word in (("min_length", "at least"), ("max_length", "at most")):
            length = getattr(item, name, None)
            if length is not None:
                yield f"{word} {length} long"


def _type_text(annotation: Any) -> str:
    literals = _literals(annotation)
    if literals:
        return " | ".join(repr(literal) for literal in literals)
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in _UNIONS:
        return " | ".join(Shape(member).type_text() for member in arguments).replace(
            "NoneType", "null"
        )
    if origin is not None and arguments:
        inner = ", ".join("..." if a is ... else Shape(a).type_text() for a in arguments)
        return f"{getattr(origin, '__name__', origin)}[{inner}]"
    if annotation is Any or annotation is PydanticUndefined:
        return "any"
    if isinstance(annotation, type) and issubclass(annotation, (SecretStr, SecretBytes)):
        return "secret"
    return getattr(annotation, "__name__", str(annotation))
