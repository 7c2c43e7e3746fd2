"""An explanation of one value: the form in which `explain` gives it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.config.tree.origins import type_of_origin

if TYPE_CHECKING:
    from brevetti_hydra._masks import Masking

__all__ = ["Explanation", "Loss", "Step", "Target", "Writer", "without_secrets"]

# What these hold is named by us.
_OWN_WORDS = frozenset({"kind", "reason"})


class Step(NamedTuple):
    """By what a value came to its place.

    Attributes:
        place: Where that stands; "" where it is the writer's own place.
        text: What stands there: `- job: classifier`, `<<`, `*` (an alias), `&` (the anchor whose
            value an alias repeats), `${model}`; "" of an argument. Without a place, a note.
    """

    place: str
    text: str


class Writer(NamedTuple):
    """One that wrote a value.

    Attributes:
        kind: `default`, `yaml`, `info` or `argument`.
        place: `conf/job/x.yaml:4:3`, `argument 2: lr=0.1`, `my_pkg/train.py:12`.
        file: The file of the place, or None.
        line: Its line, from 1, or None.
        column: Its column, from 1, or None.
        value: What was written; secrets masked, references as they stand.
        default_of: Of a default: `Settings.lr`; else "".
        by: By what it came to its place, the nearest to the writer first.
    """

    kind: type_of_origin
    place: str
    file: str | None
    line: int | None
    column: int | None
    value: Any
    default_of: str
    by: tuple[Step, ...]


class Target(NamedTuple):
    """What a value refers to.

    Attributes:
        text: As written between `${` and `}`.
        kind: `key`, `environment`, `hydra` or `resolver`.
        name: The key, the variable, or the resolver.
        is_set: Whether a variable is set; true of everything else that is there.
        fallback: What is taken where a variable is not set; None without.
        value: What it is; secrets masked.
        writer: Who wrote the key.
        targets: What that refers to in its turn.
    """

    text: str
    kind: str
    name: str
    is_set: bool
    fallback: str | None
    value: Any
    writer: Writer | None
    targets: tuple[Target, ...]


class Loss(NamedTuple):
    """What was written, and is not in the tree.

    Attributes:
        key: Its key.
        writer: Who wrote it, and what.
        by: Who took it away.
        reason: `switch`, `deletion`, `replaced` or `open`.
        tag: Of a switch: the variant that does not have the key; else "".
    """

    key: str
    writer: Writer
    by: Step
    reason: str
    tag: str


class Explanation(NamedTuple):
    """Where one value comes from.

    Attributes:
        key: `model.hidden`.
        is_there: Whether the key is in the tree; of one that is not, `dropped` tells why.
        value: What stands there, resolved; secrets masked; `???` where one is missing.
        type: `int`, `'adam' | 'sgd'`; "" where no class knows the key.
        bounds: `> 0, <= 10`, or "".
        description: What the class says about it.
        writers: Who wrote it, the winner first.
        targets: What the winner's text refers to.
        dropped: What was taken away here, or with the choice that this key makes.
    """

    key: str
    is_there: bool
    value: Any
    type: str
    bounds: str
    description: str
    writers: tuple[Writer, ...]
    targets: tuple[Target, ...]
    dropped: tuple[Loss, ...]


def without_secrets(explanation: Explanation, masking: Masking) -> Explanation:
    """Mask every text of an explanation, at every depth."""
    found: Explanation = _masked(explanation, masking)
    return found


def _masked(value: Any, masking: Masking) -> Any:
    if isinstance(value, tuple) and hasattr(value, "_fields"):
        named = zip(value._fields, value, strict=True)
        return type(value)(
            *(part if name in _OWN_WORDS else _masked(part, masking) for name, part in named)
        )
    if isinstance(value, tuple):
        return tuple(_masked(part, masking) for part in value)
    return masking.tree(value)
