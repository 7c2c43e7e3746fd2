"""The text of YAML files at another version: nothing changes but what must."""

from __future__ import annotations

from textwrap import dedent
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.config.files.config_files import find_files
from brevetti_hydra.config.migration.migrated_files import MigratedFile, migrate_files, write_files
from brevetti_hydra.config.migration.versions import HARNESS, Tables
from brevetti_hydra.config.project import find_project
from brevetti_hydra.config.tree.budget import Budget
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
    from pathlib import Path


def tables(*changes: Change, job: str | None = None) -> Tables:
    """Give tables whose only step makes some changes."""
    return Tables(Migrations(step(1, *changes, job=job)), HARNESS, None)


def migrated(
    folder: Path, steps: Tables, text: str | bytes, name: str = "brevetti.yaml", **options: Any
) -> MigratedFile:
    """Migrate one file of a project's conf; it is not written."""
    path = folder / "conf" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text if isinstance(text, bytes) else dedent(text).encode())
    files = find_files([str(path)], find_project(folder), folder)
    return migrate_files(files, steps, Budget(), start=options.pop("start", 1), **options)[0]


def after(folder: Path, steps: Tables, text: str, **options: Any) -> str:
    """Give a file's text afterwards."""
    found = migrated(folder, steps, text, **options)
    assert () == found.problems
    return found.after.decode()


RENAMES = {
    "plain": ("lr: 1\n", "config_version: 2\nrate: 1\n"),
    "number": ("config_version: 1\nlr: 1\n", "config_version: 2\nrate: 1\n"),
    "number with comment": (
        "lr: 1\nconfig_version:  1 # one\n",
        "rate: 1\nconfig_version:  2 # one\n",
    ),
    "numbers": (
        "config_version: {project: 1, harness: 1}\nlr: 1\n",
        "config_version: {project: 2, harness: 1}\nrate: 1\n",
    ),
    "comments": (
        "# top\n\n# above\nlr:  1   # beside\n# below\n",
        "# top\n\nconfig_version: 2\n# above\nrate:  1   # beside\n# below\n",
    ),
    "header": (
        "# @package _global_\n# what it is\nlr: 1\n",
        "# @package _global_\n# what it is\nconfig_version: 2\nrate: 1\n",
    ),
    "defaults": (
        "defaults:\n  - _self_\nlr: 1\n",
        "config_version: 2\ndefaults:\n  - _self_\nrate: 1\n",
    ),
    "quotes": ("'lr': '1'\n\"b\": \"2\"\n", "config_version: 2\n'rate': '1'\n\"b\": \"2\"\n"),
    "flow": ("{lr: 1,  b: [1,2]}\n", "{config_version: 2, rate: 1,  b: [1,2]}\n"),
    "anchor": ("lr: &a 1\nb: *a\n", "config_version: 2\nrate: &a 1\nb: *a\n"),
    "alias": ("b: &a 1\nlr: *a  # same\n", "config_version: 2\nb: &a 1\nrate: *a  # same\n"),
    "block text": (
        "lr: |\n  # no comment\n  x\nb: 1\n",
        "config_version: 2\nrate: |\n  # no comment\n  x\nb: 1\n",
    ),
    "document mark": ("---\nlr: 1\n", "---\nconfig_version: 2\nrate: 1\n"),
    "no last line end": ("b: 2\nlr: 1", "config_version: 2\nb: 2\nrate: 1"),
    "reference": (
        "b: 'x ${lr}'  # it\nc: [1, \"${lr}\"]\n",
        "config_version: 2\nb: 'x ${rate}'  # it\nc: [1, \"${rate}\"]\n",
    ),
    "unicode": ("ü: 'é'\nlr: 1 # ß\n", "config_version: 2\nü: 'é'\nrate: 1 # ß\n"),
    "long line": (f"b: {'x ' * 200}\nlr: 1\n", f"config_version: 2\nb: {'x ' * 200}\nrate: 1\n"),
    "carriage returns": ("b: 1\r\nlr: 1\r\n", "config_version: 2\r\nb: 1\r\nrate: 1\r\n"),
    "tab before a comment": ("lr: 1\t# x\n", "config_version: 2\nrate: 1\t# x\n"),
}


@pytest.mark.parametrize("name", RENAMES)
def test_a_renamed_key(name: str, tmp_path: Path) -> None:
    """A key that got another name changes its own line only."""
    before, expected = RENAMES[name]

    assert expected == after(tmp_path, tables(rename("lr", "rate")), before)


HEAD = "# h\n\nconfig_version: 1\n"
MOVES = {
    "new node": (HEAD + "a: 1\nlr: 1 # x\nb: 2\n", "a: 1\noptim:\n  lr: 1 # x\nb: 2\n"),
    "with comments": (
        HEAD + "a: 1\n\n# how fast\n# it goes\nlr: 1\n\n# b\nb: 2\n",
        "a: 1\n\noptim:\n  # how fast\n  # it goes\n  lr: 1\n\n# b\nb: 2\n",
    ),
    "node that is there": (
        HEAD + "lr: 1 # x\noptim:\n    kind: sgd  # y\nb: 2\n",
        "optim:\n    kind: sgd  # y\n    lr: 1 # x\nb: 2\n",
    ),
    "node in braces": (HEAD + "lr: 1\noptim: { kind: sgd }\n", "optim: { kind: sgd, lr: 1 }\n"),
    "empty node": (HEAD + "optim: {} # o\nlr: 1\n", "optim: # o\n  lr: 1\n"),
    "behind the last line": (
        HEAD + "lr: 1\noptim:\n  kind: sgd",
        "optim:\n  kind: sgd\n  lr: 1",
    ),
    "a mapping": (
        HEAD + "lr:\n  # deep\n  a: 1\n\n  b: |\n    x\n    y\nc: 1\n",
        "optim:\n  lr:\n    # deep\n    a: 1\n\n    b: |\n      x\n      y\nc: 1\n",
    ),
    "a list": (HEAD + "lr:\n- 1\n- 2 # two\n", "optim:\n  lr:\n  - 1\n  - 2 # two\n"),
    "an alias": (HEAD + "a: &x 1\nlr: *x\n", "a: &x 1\noptim:\n  lr: *x\n"),
    "out of braces": (
        "{config_version: 1, a: 1, lr: 'x'}\n",
        "{config_version: 2, a: 1, optim: {lr: 'x'}}\n",
    ),
}


@pytest.mark.parametrize("name", MOVES)
def test_a_moved_key(name: str, tmp_path: Path) -> None:
    """A key that moved takes its comments along; everything else stays where it is."""
    before, expected = MOVES[name]
    if before.startswith(HEAD):
        expected = HEAD.replace("1", "2") + expected

    assert expected == after(tmp_path, tables(move("lr", "optim.lr")), before)


def test_keys_move_up(tmp_path: Path) -> None:
    """A node that nothing is left in goes with its last key."""
    steps = tables(move("optim.lr", "lr"), move("optim.momentum", "momentum"))

    assert "config_version: 2\na: 1\nlr: 1 # x\nmomentum: 2\n" == after(
        tmp_path, steps, "a: 1\noptim:\n    lr: 1 # x\n    momentum: 2\n"
    )


def test_values_change_in_place(tmp_path: Path) -> None:
    """Units, values and splits change the value, in its quotes."""
    steps = tables(
        unit("wait_min", "wait_s", factor=60),
        unit("steps", factor=0.1),
        value("mode", {"quick": "fast"}),
        value("on", {"yes": True, 1: "one"}),
        split("size", ("width", "height"), lambda size: size.split("x")),
    )
    before = """\
        wait_min:  2  # m
        steps: [1, 2] # s
        mode: "quick"
        on: 'yes'
        size: '3x4' # px
        z: 1
    """
    expected = """\
        config_version: 2
        wait_s:  120  # m
        steps: [0.1, 0.2] # s
        mode: "fast"
        on: true
        width: '3' # px
        height: '4'
        z: 1
    """

    assert dedent(expected) == after(tmp_path, steps, before)


def test_a_removed_key_takes_its_comments_along(tmp_path: Path) -> None:
    """What is removed is gone with what was said about it."""
    text = "a: 1\n\n# the old one\nold: # x\n  deep: 1\n# b\nb: 1\n"

    found = after(tmp_path, tables(remove("old", reason="gone")), text, allow_lossy=True)

    assert "config_version: 2\na: 1\n\n# b\nb: 1\n" == found


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{old: 1, a: 2}\n", "n: {a: 2}\n"),
        ("{a: 2, old: 1}\n", "n: {a: 2}\n"),
        ("{a: 2, old: 1, b: 3}\n", "n: {a: 2, b: 3}\n"),
        ("{a: 2, old: 1,}\n", "n: {a: 2}\n"),
        ("{ old: 1 }\n", ""),
    ],
)
def test_keys_go_out_of_braces(text: str, expected: str, tmp_path: Path) -> None:
    """Commas stay right."""
    steps = tables(remove("n.old", reason="gone"))

    found = after(tmp_path, steps, f"config_version: 1\nz: 1\nn: {text}", allow_lossy=True)

    assert f"config_version: 2\nz: 1\n{expected}" == found


def test_a_byte_order_mark_stays(tmp_path: Path) -> None:
    """Bytes that are no text stay in front of it."""
    found = migrated(tmp_path, tables(rename("lr", "rate")), b"\xef\xbb\xbflr: 1\r\n")

    assert b"\xef\xbb\xbfconfig_version: 2\r\nrate: 1\r\n" == found.after


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", ""),
        ("# only a comment\n", "# only a comment\n"),
        ("config_version: 1\n", "config_version: 2\n"),
        ("b: 1\n", "b: 1\n"),
    ],
)
def test_a_file_without_old_names(text: str, expected: str, tmp_path: Path) -> None:
    """Such a file only has its number changed, if it has one."""
    assert expected == after(tmp_path, tables(rename("lr", "rate")), text)


def test_an_alias_of_which_a_part_changes_is_written_out(tmp_path: Path) -> None:
    """Where a key behind an alias changes, and the anchor's does not, its values are written."""
    steps = tables(rename("optim.lr", "optim.rate"))
    before = "base: &b {lr: 1, x: 2}\noptim: *b # o\nother: *b\n"
    expected = "base: &b {lr: 1, x: 2}\noptim: {x: 2, rate: 1} # o\nother: *b\n"

    assert f"config_version: 2\n{expected}" == after(tmp_path, steps, before)


def test_a_merge_of_which_a_part_changes_is_left(tmp_path: Path) -> None:
    """Where `<<` brings in a key that changes here alone, a person decides."""
    text = "base: &b {lr: 1}\noptim:\n  <<: *b\n  x: 1\n"

    found = migrated(tmp_path, tables(rename("optim.lr", "optim.rate")), text)

    assert found.before == found.after
    assert "'conf/brevetti.yaml' cannot be written anew by a machine" == found.problems[0].message


def test_a_merge_of_which_all_changes_follows(tmp_path: Path) -> None:
    """Where the anchor's own key changes alike, `<<` stays."""
    steps = tables(rename("base.lr", "base.rate"), rename("optim.lr", "optim.rate"))
    before = "base: &b\n  lr: 1 # x\noptim:\n  <<: *b\n  x: 1\n"
    expected = "base: &b\n  rate: 1 # x\noptim:\n  <<: *b\n  x: 1\n"

    assert f"config_version: 2\n{expected}" == after(tmp_path, steps, before)


def test_a_comment_is_not_lost(tmp_path: Path) -> None:
    """A file in which a comment would go with its node is left."""
    text = "# h\n\na: 1\nbase: {x: 1}\noptim: # lost\n  # lost, too\n  lr: 1\n"

    found = migrated(tmp_path, tables(move("optim.lr", "base.lr")), text)

    assert "cannot be written anew by a machine" in found.problems[0].message
    assert "would be lost" in found.problems[0].notes[0]


def test_a_file_in_its_package(tmp_path: Path) -> None:
    """Keys of steps are whole; a file's own are below its package."""
    steps = tables(rename("optim.lr", "optim.rate"), rename("model.lr", "model.speed"))

    assert "config_version: 2\nrate: 1\n" == after(tmp_path, steps, "lr: 1\n", name="optim/a.yaml")
    assert "# @package model\nconfig_version: 2\nspeed: 1\n" == after(
        tmp_path, steps, "# @package model\nlr: 1\n", name="optim/b.yaml"
    )


def test_keys_that_leave_their_package_are_left(tmp_path: Path) -> None:
    """A file cannot set keys outside of its package."""
    found = migrated(tmp_path, tables(move("optim.lr", "lr")), "a: 1\nlr: 1\n", name="optim/a.yaml")

    assert "the keys of 'conf/optim/a.yaml' leave its package 'optim'" == found.problems[0].message


def test_a_file_of_several_packages(tmp_path: Path) -> None:
    """A file that a defaults list puts elsewhere as well changes where both agree."""
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "brevetti.yaml").write_text("defaults:\n- optim@second: a\n")
    both = tables(rename("optim.lr", "optim.rate"), rename("second.lr", "second.rate"))
    one = tables(rename("optim.lr", "optim.rate"))

    assert "config_version: 2\nrate: 1\n" == after(tmp_path, both, "lr: 1\n", name="optim/a.yaml")
    found = migrated(tmp_path, one, "lr: 1\n", name="optim/a.yaml")
    assert "is used in several packages" in found.problems[0].message


def test_a_step_of_one_job_needs_the_job(tmp_path: Path) -> None:
    """A file that names no job is left, unless it is said which job it is for."""
    steps = tables(rename("lr", "rate"), job="train:Mine")
    text = "# @package _global_\nlr: 1\n"

    left = migrated(tmp_path, steps, text, name="experiment/a.yaml")
    named = after(tmp_path, steps, text, name="experiment/a.yaml", target="train.Mine")
    other = after(tmp_path, steps, text, name="experiment/a.yaml", target="train:Other")
    own = "# @package _global_\njob:\n  _target_: train:Mine\nlr: 1\n"

    assert "say which job it is for: --job train:Mine" == left.problems[0].hint
    assert "# @package _global_\nconfig_version: 2\nrate: 1\n" == named
    assert text == other
    assert "rate: 1" in after(tmp_path, steps, own, name="job/mine.yaml")


def test_a_primary_keeps_the_number_that_others_share(tmp_path: Path) -> None:
    """The primary's number changes when no file is left that it speaks for."""
    conf = tmp_path / "conf"
    (conf / "experiment").mkdir(parents=True)
    (conf / "brevetti.yaml").write_text("config_version: 1\n")
    (conf / "experiment" / "a.yaml").write_text("# @package _global_\nlr: 1\n")
    steps = tables(rename("lr", "rate"))
    project = find_project(tmp_path)

    alone = migrate_files(find_files(["conf/brevetti.yaml"], project, tmp_path), steps, Budget())
    both = migrate_files(find_files([], project, tmp_path), steps, Budget())

    assert "stays of version 1, which other files share" in alone[0].problems[0].message
    assert ["conf/experiment/a.yaml", "conf/brevetti.yaml"] == [m.file.label for m in both]
    assert [True, True] == [m.is_changed for m in both]


def test_links_are_written_through(tmp_path: Path) -> None:
    """A link stays a link, and what it leads to keeps its permissions."""
    real = tmp_path / "real.yaml"
    real.write_text("lr: 1\n")
    real.chmod(0o640)
    (tmp_path / "conf").mkdir()
    link = tmp_path / "conf" / "brevetti.yaml"
    link.symlink_to(real)
    files = find_files([], find_project(tmp_path), tmp_path)

    written, problems = write_files(
        migrate_files(files, tables(rename("lr", "rate")), Budget(), start=1)
    )

    assert (1, []) == (len(written), problems)
    assert link.is_symlink()
    assert "config_version: 2\nrate: 1\n" == real.read_text()
    assert 0o640 == real.stat().st_mode & 0o777


def test_a_file_that_changed_meanwhile_stays(tmp_path: Path) -> None:
    """What somebody else wrote since is not written over."""
    found = migrated(tmp_path, tables(rename("lr", "rate")), "lr: 1\n")
    found.file.path.write_text("lr: 2\n")

    written, problems = write_files([found])

    assert ([], "lr: 2\n") == (written, found.file.path.read_text())
    assert "was changed meanwhile" in problems[0].message


def test_a_read_only_file_stays(tmp_path: Path) -> None:
    """Permissions are respected, though a rename would not need them."""
    found = migrated(tmp_path, tables(rename("lr", "rate")), "lr: 1\n")
    found.file.path.chmod(0o444)

    written, problems = write_files([found])

    assert ([], "lr: 1\n") == (written, found.file.path.read_text())
    assert "is read-only" in problems[0].message


@pytest.mark.parametrize("moment", ["before", "aside", "after"])
def test_no_file_is_ever_half_written(
    moment: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A process that ends while it writes leaves the old text or the new."""
    from brevetti_hydra import _files

    class EndedError(BaseException):
        pass

    def end(point: str, at: str) -> None:
        if (point, at) == ("yaml.migrated", moment):
            raise EndedError

    found = migrated(tmp_path, tables(rename("lr", "rate")), "lr: 1\n")
    monkeypatch.setattr(_files, "on_write", end)
    with pytest.raises(EndedError):
        write_files([found])

    expected = "config_version: 2\nrate: 1\n" if moment == "after" else "lr: 1\n"
    assert expected == found.file.path.read_text()
