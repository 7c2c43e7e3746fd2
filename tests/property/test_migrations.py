"""Properties of migrations: on generated projects of several layered files with packages."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from brevetti_hydra.config.files.config_files import ConfigFile
from brevetti_hydra.config.migration.migrated_files import migrate_files
from brevetti_hydra.config.migration.migrating import migrate_tree
from brevetti_hydra.config.migration.rewriting import comments_in
from brevetti_hydra.config.migration.versions import HARNESS, Numbers, Tables
from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.config.tree.documents import parse_document
from brevetti_hydra.config.tree.origins import Node, Origin, merge, node_of
from brevetti_hydra.migrations import (
    Change,
    Migrations,
    move,
    remove,
    rename,
    split,
    step,
    unit,
    value,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

ORIGIN = Origin("yaml", "here")

# Keys as version 1 has them; what version 3 has is written with capitals.
leaves = st.one_of(st.integers(-99, 99), st.sampled_from([0.5, "text", "a: b", "é", None, True]))
numbers = st.integers(-99, 99)
modes = st.sampled_from(["quick", "slow", "other"])


@st.composite
def trees(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a part of a tree of version 1; each key has the same kind everywhere."""
    optim = {
        "rate": numbers,
        "kind": leaves,
        "deep": st.fixed_dictionaries({}, optional={"x": leaves}),
    }
    kinds = {
        "speed": leaves,
        "wait": numbers,
        "mode": modes,
        "size": numbers,
        "old": leaves,
        "note": st.sampled_from(["plain", "of ${speed}", "${optim.kind}", "${optim.deep.x}"]),
        "items": st.lists(leaves, max_size=2),
        "optim": st.fixed_dictionaries({}, optional=optim),
        "model": st.fixed_dictionaries({}, optional={"depth": leaves, "width": leaves}),
    }
    found: dict[str, Any] = draw(st.fixed_dictionaries({}, optional=kinds))
    return {key: each for key, each in found.items() if each != {}}


CHANGES: tuple[Change, ...] = (
    rename("speed", "Speed"),
    move("Speed", "optim.Speed"),
    move("optim.kind", "Kind"),
    rename("optim.deep", "optim.Deep"),
    rename("model", "Model"),
    move("Model.depth", "optim.Depth"),
    unit("wait", "Wait", factor=60),
    unit("optim.rate", factor=0.5),
    value("mode", {"quick": "fast"}),
    split("size", ("Width", "Height"), lambda size: (size, -size)),
    remove("old", reason="gone"),
)
changes = st.sets(st.sampled_from(range(len(CHANGES)))).map(
    lambda chosen: tuple(CHANGES[number] for number in sorted(chosen))
)
packages = st.sampled_from(["", "optim", "model"])


def migrate(tree: dict[str, Any], steps: Sequence[Change]) -> dict[str, Any] | None:
    """Migrate plain values; None where something cannot be decided."""
    migration = migrate_tree(
        node_of(tree, ORIGIN), ((1, change) for change in steps), allow_lossy=True
    )
    plain: dict[str, Any] = migration.tree.plain()
    return None if migration.problems else plain


def stacked(layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Compose layers."""
    tree = Node(ORIGIN, children={})
    for layer in layers:
        merge(tree, node_of(layer, ORIGIN))
    plain: dict[str, Any] = tree.plain()
    return plain


@given(trees(), changes)
def test_migrating_twice_is_migrating_once(tree: dict[str, Any], steps: tuple[Change, ...]) -> None:
    """What is of the newest version is not changed by steps that gave its keys new names."""
    # A value that changes in place has no name that would tell its version.
    lasting = [each for each in steps if each is not CHANGES[7]]
    once = migrate(tree, lasting)

    if once is not None:
        assert once == migrate(once, lasting)


@given(st.lists(trees(), min_size=1, max_size=3), changes)
def test_composing_and_migrating_commute(
    layers: list[dict[str, Any]], steps: tuple[Change, ...]
) -> None:
    """Composing then migrating is migrating then composing, where both are defined."""
    composed = migrate(stacked(layers), steps)
    each = [migrate(layer, steps) for layer in layers]
    done = [layer for layer in each if layer is not None]

    if composed is not None and len(done) == len(layers):
        assert composed == stacked(done)


@st.composite
def texts(draw: st.DrawFn) -> tuple[str, str, str]:
    """Draw a file: its name, its package, and its text with comments in odd places."""
    package = draw(packages)
    tree = draw(trees())
    if package:
        inner = tree.get(package)
        tree = inner if isinstance(inner, dict) else {}
    style = draw(st.sampled_from([None, None, True, False]))
    text = yaml.safe_dump(
        tree,
        default_flow_style=style,
        allow_unicode=True,
        sort_keys=False,
        indent=draw(st.sampled_from([2, 4])),
    )
    lines = []
    if draw(st.booleans()):
        lines += ["# about the file", ""]
    for number, line in enumerate(text.splitlines()):
        indent = line[: len(line) - len(line.lstrip())]
        if draw(st.integers(0, 3)) == 0 and style is not True and not line.startswith("{}"):
            lines.append(f"{indent}# above {number}")
        beside = f"  # beside {number}" if draw(st.integers(0, 3)) == 0 else ""
        lines.append(line + beside)
        if draw(st.integers(0, 5)) == 0:
            lines.append("")
    newline = draw(st.sampled_from(["\n", "\n", "\r\n"]))
    header = f"# @package {package or '_global_'}{newline}"
    said = draw(st.sampled_from(["", "", f"config_version: 1{newline}"]))
    if style is True or not tree:
        said = ""
    end = draw(st.sampled_from([newline, newline, ""]))
    return package, header + said, newline.join(lines) + end


@settings(max_examples=300)
@given(texts(), changes)
def test_writing_is_migrating_in_memory(
    file: tuple[str, str, str], steps: tuple[Change, ...]
) -> None:
    """A file that is written reads as it is migrated in memory; a second run changes nothing."""
    package, head, body = file
    text = head + body
    tables = Tables(Migrations(step(1, *steps)), HARNESS, None)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "some.yaml"
        path.write_bytes(text.encode())
        config = ConfigFile(path, "some.yaml", "g/some", Path(name))
        (found,) = migrate_files([config], tables, Budget(), start=1, allow_lossy=True)
        path.write_bytes(found.after)
        (again,) = migrate_files([config], tables, Budget(), start=1, allow_lossy=True)

    written = found.after.decode()
    if found.problems:
        assert text == written
        return
    placed = parse_document(text, "x", Budget()).tree
    for key in reversed(package.split(".") if package else []):
        placed = Node(ORIGIN, children={key: placed})
    migration = migrate_tree(placed, tables.between(Numbers(1, 1), None), allow_lossy=True)
    expected = migration.tree.at(tuple(package.split("."))) if package else migration.tree
    assert parse_document(written, "x", Budget()).tree.plain() == (
        expected.plain() if expected is not None else {}
    )
    assert found.after == again.after
    _check_lines(text, written, package, steps)


def _check_lines(before: str, after: str, package: str, steps: Sequence[Change]) -> None:
    """Lines that hold no key of a step are still there, in their order; so are all comments."""
    names = {key for change in steps for key in getattr(change, "old", ())} | {package}
    lines = after.splitlines(keepends=True)
    position = 0
    for line in before.splitlines(keepends=True):
        key = line.strip().partition(":")[0].strip("{ ")
        is_held = key in names or "{" in line or line[0] in " -" or "config_version" in line
        if is_held or line.lstrip().startswith("#") or not line.endswith("\n"):
            continue
        if any(name and name in line for name in names):
            continue
        assert line in lines[position:]
        position = lines.index(line, position)
    assert ("\r\n" in before) == ("\r\n" in after)
    assert set(comments_in(after)) <= set(comments_in(before))
