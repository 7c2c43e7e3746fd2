"""Files that no line reads, and files that hide others."""

from __future__ import annotations

from typing import TYPE_CHECKING

from brevetti_hydra.config.checking.findings import Finding
from brevetti_hydra.config.checking.judging import Choice, is_spelled
from brevetti_hydra.config.files.defaults_lists import named_configs
from brevetti_hydra.errors import Place

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from brevetti_hydra.config.checking.inventory import CheckedFile, Inventory, OddFile
    from brevetti_hydra.config.files.search import SearchPath
    from brevetti_hydra.config.tree.documents import Document

__all__ = ["stray_findings"]

_ODD = {
    "suffix": ("is not read: configuration ends in '.yaml'", "rename it, or remove it"),
    "dangling": ("is a link that leads nowhere", "let it lead to a file, or remove it"),
    "special": ("is no file", "remove it"),
    "unlisted": ("cannot be listed", "make it readable, or remove it"),
    "circular": ("is a link to a folder that it lies in", "remove it"),
    "deep": ("lies too deep to be looked at", "move it up"),
}


def stray_findings(
    search: SearchPath, inventory: Inventory, documents: Mapping[str, Document]
) -> Iterator[Finding]:
    """Give what is wrong with where files lie."""
    for odd in inventory.odd:
        yield _of_odd(odd)
    for file in inventory.hidden:
        yield Finding(
            "warning",
            "unused-file",
            f"'{file.label}' is never read: '{file.hidden_by}' takes its place",
            Place(file.label),
            hint="remove one of the two, or rename it",
        )
    twice = {file.label for file in inventory.hidden}
    named = set(named_configs(documents))
    for path, file in inventory.files.items():
        if not file.is_own:
            continue
        for label in set(file.hides) - twice:
            yield Finding(
                "note",
                "shadowed-file",
                f"'{file.label}' takes the place of '{label}', which is not read",
                Place(file.label),
            )
        if path != search.primary and path not in named:
            yield from _unused(file, search)


def _unused(file: CheckedFile, search: SearchPath) -> Iterator[Finding]:
    where = Place(file.label)
    if not file.group:
        yield Finding(
            "warning",
            "unused-file",
            f"nothing reads '{file.label}'",
            where,
            (f"it is no option of a group, and the primary config is '{search.primary}'",),
            f"choose it with -cn {file.option}, name it in a defaults list, or remove it",
        )
    elif not is_spelled(Choice(file.group, file.option)):
        yield Finding(
            "warning",
            "unused-file",
            f"no command line can choose '{file.label}'",
            where,
            ("the grammar of overrides cannot spell its name",),
            "rename it: letters, digits, '-', '_' and '.'",
        )


def _of_odd(odd: OddFile) -> Finding:
    what, hint = _ODD[odd.kind]
    is_error = odd.kind in {"dangling", "unlisted", "circular", "deep"}
    return Finding(
        "error" if is_error else "warning",
        "config-not-found" if is_error else "unused-file",
        f"'{odd.label}' {what}",
        Place(odd.label),
        (odd.reason,) if odd.reason else (),
        hint,
    )
