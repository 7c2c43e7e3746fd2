"""The line that names a file's schema: where it goes, and that nothing else changes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra.config.editor.modelines import modeline, with_modeline
from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.config.tree.documents import parse_document, read_header

if TYPE_CHECKING:
    from pathlib import Path

LINE = "# yaml-language-server: $schema=../.schema/experiment.json"
OTHER = "# yaml-language-server: $schema=old.json"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("lr: 1\n", f"{LINE}\nlr: 1\n"),
        ("", f"{LINE}\n"),
        ("# About it.\nlr: 1\n", f"{LINE}\n# About it.\nlr: 1\n"),
        ("# @package _global_\n# It.\nlr: 1\n", f"# @package _global_\n{LINE}\n# It.\nlr: 1\n"),
        ("\n# @package a\n\nlr: 1\n", f"\n# @package a\n{LINE}\n\nlr: 1\n"),
        ("# @package a", f"# @package a\n{LINE}\n"),
        ("# @package a\r\nlr: 1\r\n", f"# @package a\r\n{LINE}\r\nlr: 1\r\n"),
        ("\ufeff# @package a\nlr: 1\n", f"\ufeff# @package a\n{LINE}\nlr: 1\n"),
        ("---\nlr: 1\n", f"{LINE}\n---\nlr: 1\n"),
        (f"# It.\n{OTHER}\nlr: 1\n", f"# It.\n{LINE}\nlr: 1\n"),
        (f"{OTHER} and more\nlr: 1\n", f"{LINE} and more\nlr: 1\n"),
        ("#  yaml-language-server :\r\nlr: 1", f"#  yaml-language-server : {LINE[24:]}\r\nlr: 1"),
        (f"# @package a\n{LINE}\nlr: 1\n", f"# @package a\n{LINE}\nlr: 1\n"),
    ],
)
def test_the_line_goes_below_the_header(before: str, after: str) -> None:
    """It stands below `# @package`, takes the place of an older one, and keeps line ends."""
    assert after.encode() == with_modeline(before.encode(), LINE)


LINES = st.sampled_from(
    [
        *("# @package _global_", "# @package a.b", "# @other x", "# a comment", "#", "", "  "),
        *("lr: 1", "name: |", "  # no comment", "a: {b: c} # yaml-language-server: x", "ü: é"),
        *(OTHER, "# yaml-language-server: $schema=a.json b", "%YAML 1.1", "---"),
    ]
)


@given(st.lists(LINES, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_nothing_else_changes(lines: list[str], end: str, is_ended: bool) -> None:
    """Header, content and every other line stay, and a second time changes nothing."""
    before = end.join(lines) + end * is_ended
    after = with_modeline(before.encode(), LINE).decode()

    assert after == with_modeline(after.encode(), LINE).decode()
    assert read_header(before) == read_header(after)
    assert 1 == after.count(LINE[24:])
    kept = [line for line in before.splitlines() if not line.startswith("# yaml-language-server")]
    rest = [line for line in after.splitlines() if not line.startswith("# yaml-language-server")]
    assert kept == rest


def test_hydra_reads_the_header_above_the_line(tmp_path: Path) -> None:
    """Hydra's own reader of headers finds `# @package` in a file that has the line."""
    text = with_modeline(b"# @package a.b\n# It.\nlr: 1\n", LINE).decode()
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")

    loaded = FileConfigSource("test", f"file://{tmp_path}").load_config("x.yaml")

    assert "a.b" == loaded.header["package"]
    assert {"lr": 1} == loaded.config
    assert "a.b" == parse_document(text, "x.yaml", Budget()).package


def test_the_schema_is_named_from_the_files_folder(tmp_path: Path) -> None:
    """The path is relative and has slashes; one with a blank is a URI, which may stand in a line."""
    near = modeline(tmp_path / "conf/a/b.yaml", tmp_path / "conf/.schema/a.json")
    far = modeline(tmp_path / "conf/b.yaml", tmp_path / "my schemas/a.json")

    assert "# yaml-language-server: $schema=../.schema/a.json" == near
    assert f"# yaml-language-server: $schema={tmp_path.as_uri()}/my%20schemas/a.json" == far
