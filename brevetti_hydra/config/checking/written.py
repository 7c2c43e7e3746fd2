"""What the text of a YAML file shows by itself: secrets by their look, and no content at all."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import credentials_in
from brevetti_hydra.config.checking.findings import Finding
from brevetti_hydra.config.safety.masks import is_reference
from brevetti_hydra.config.tree.origins import MISSING, Node, Origin, dotted
from brevetti_hydra.errors import Place

if TYPE_CHECKING:
    from collections.abc import Iterator

    from brevetti_hydra.config.tree.documents import Document

__all__ = ["empty_file", "find_by_look", "secret_finding"]

# Names of secrets, as the last words of a key. Not 'max_tokens', 'tokenizer' or 'key'.
_SECRET_NAME = re.compile(
    r"(?i)(?:^|[_.-]|(?<=[a-z])(?=[A-Z]))"
    r"(?:(?:api|access|secret|private|auth)[_-]?key|auth[_-]?token|token|secret|credentials?"
    r"|passw(?:or)?d|passphrase|pwd)$"
)
# Numbers count where people choose them themselves.
_PASSWORD_NAME = re.compile(r"(?i)(?:passw(?:or)?d|passphrase|pwd)$")
# `pad_token: <pad>`, `mask_token: [MASK]`: words of a language model.
_VOCABULARY = re.compile(r"[<\[|].*[>\]|]|\W*")


def find_by_look(document: Document) -> Iterator[tuple[Finding, str]]:
    """Give each value of a file that looks like a secret: a finding, and the secret itself."""
    yield from _by_look(document.tree, ())


def _by_look(node: Node, path: tuple[str, ...]) -> Iterator[tuple[Finding, str]]:
    if node.children is not None:
        for key, child in node.children.items():
            yield from _by_look(child, (*path, key))
        return
    for inner, value in _scalars(node.value):
        where = (node.inside(inner) if inner and node.inside is not None else None) or node.origin
        name = dotted((*path, *inner))
        key = next((part for part in reversed((*path, *inner)) if isinstance(part, str)), "")
        if _is_named_like_one(key, value):
            yield secret_finding(name, where, "looks like a secret by its name"), str(value)
        elif isinstance(value, str):
            for secret in credentials_in(value):
                if not is_reference(secret.partition(":")[2] or secret):
                    yield secret_finding(name, where, "is a URL that holds a secret"), secret


def secret_finding(name: str, origin: Origin, what: str) -> Finding:
    """Tell of a secret; nothing of its line is shown."""
    return Finding(
        "warning",
        "written-secret",
        f"'{name}' {what}, and stands in the file",
        Place(origin.label, origin.line),
        hint=f"let it come from the environment: {name.rpartition('.')[2]}: ${{oc.env:NAME}}",
    )


def empty_file(document: Document) -> Finding | None:
    """Tell of a file without any content; a comment is one."""
    if document.text.strip("\ufeff \t\r\n"):
        return None
    return Finding(
        "warning",
        "empty-file",
        f"'{document.label}' is empty",
        Place(document.label),
        hint="say in a comment what it is for, or remove it",
    )


def _is_named_like_one(key: str, value: Any) -> bool:
    if _PASSWORD_NAME.search(key) and isinstance(value, int) and not isinstance(value, bool):
        return True
    if not isinstance(value, str) or not _SECRET_NAME.search(key):
        return False
    is_open = value in {"", MISSING} or is_reference(value)
    return not is_open and _VOCABULARY.fullmatch(value) is None


def _scalars(
    value: Any, path: tuple[str | int, ...] = ()
) -> Iterator[tuple[tuple[str | int, ...], Any]]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _scalars(item, (*path, number))
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from _scalars(item, (*path, str(key)))
    else:
        yield path, value
