"""The entry point: which command is meant, help, exit codes, closed pipes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.cli.commands import COMMANDS
from brevetti_hydra.cli.help import FLAGS
from brevetti_hydra.config.answers import FLAGS_TEXT
from brevetti_hydra.config.command_line.overrides import _FLAGS

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def test_unknown_command(call: Callable[..., Any], runs_dir: Path) -> None:
    """A word that is no command is refused with similar names, in a document too."""
    answer = call("rnus")

    assert (2, "") == (answer.code, answer.out)
    assert answer.err.startswith(
        "error[usage]: no command 'rnus'\n  note: a similar name exists: 'runs'\n"
    )
    assert "usage" == call("--json", "rnus").document["errors"][0]["code"]


@pytest.mark.parametrize("name", list(COMMANDS))
def test_help_of_commands(call: Callable[..., Any], runs_dir: Path, name: str) -> None:
    """Each command explains itself, as text and as a document."""
    words = name.split()
    answer = call(*words, "--help")

    assert 0 == answer.code
    assert answer.out.startswith(f"usage: brevetti-hydra {name}")
    assert "--json" in answer.out
    assert answer.out == call(*words, "-h", "--json").document["result"]["help"].rstrip() + "\n"


def test_help(call: Callable[..., Any], runs_dir: Path) -> None:
    """`--help` shows commands, flags, groups with options and their first comment line."""
    answer = call("--help")

    assert 0 == answer.code
    for text in (
        "  runs ",
        " list the recorded runs, newest first\n",
        "  job=classifier ",
        "  platform=local ",
        "The embedded platform of this machine",
        "  -c, --cfg job ",
    ):
        assert text in answer.out


def test_help_of_a_job(call: Callable[..., Any], runs_dir: Path) -> None:
    """With a job, `--help` shows its settings: type, bounds, value, default, description."""
    answer = call("job=classifier", "lr=0.5", "--help")
    settings = call("job=classifier", "--help", "--json").document["result"]["settings"]

    assert "Settings of classifier (brevetti_hydra.jobs.classifier:Classifier)" in answer.out
    assert "0.5 (default 0.05)" in answer.out
    assert "learning rate" in answer.out
    assert ["key", "type", "bounds", "default", "value", "description"] == list(settings[0])


def test_help_of_an_unknown_job(call: Callable[..., Any], runs_dir: Path) -> None:
    """A mistyped job is an error under `--help`, too."""
    assert 2 == call("job=clasifier", "--help").code


def test_flags_are_explained() -> None:
    """The help explains the flags that the line is read with, and no others."""
    explained = {name.split()[0] for names in FLAGS for name in names.split(", ")}

    assert set(_FLAGS) == explained


def test_the_help_of_a_script_explains_every_flag() -> None:
    """What the reader of a line knows, `python train.py --help` says too; it starts no sweep."""
    explained = set(re.findall(r"(?<!\S)--?[a-z][a-z-]*", FLAGS_TEXT))

    assert set() == set(_FLAGS) - {"-m", "--multirun", "--dry-run"} - explained


def test_version(call: Callable[..., Any], runs_dir: Path) -> None:
    """`--version` prints the version."""
    from brevetti_hydra import __version__

    assert (0, f"brevetti_hydra {__version__}\n", "") == call("--version")
    assert __version__ == call("--version", "--json").document["result"]["version"]


def test_cfg(call: Callable[..., Any], runs_dir: Path) -> None:
    """`--cfg job` prints the composed tree and leaves nothing behind."""
    answer = call("job=classifier", "model.hidden=32", "--cfg", "job", "-p", "model")

    assert (0, "# @package model\nhidden: 32\nl2: 0.0001\n", "") == answer
    assert not runs_dir.exists()
    assert (
        32
        == (
            call("job=classifier", "model.hidden=32", "--cfg", "job", "--json").document["result"][
                "config"
            ]["model"]["hidden"]
        )
    )


@pytest.mark.parametrize("flags", [("--cfg", "job"), ("--info", "config")])
@pytest.mark.parametrize("word", ["lr=0.5,", "lr=0.1,0.2", "lr:=3", "run.tags[0]=a"])
def test_a_line_that_cannot_be_read_has_no_tree(
    word: str, flags: tuple[str, ...], call: Callable[..., Any]
) -> None:
    """What is printed is the tree of the line that was typed, or nothing."""
    answer = call("job=classifier", word, *flags)

    assert (2, "") == (answer.code, answer.out)
    assert f"--> argument 2: {word}" in answer.err


def test_info(call: Callable[..., Any], runs_dir: Path) -> None:
    """`--info` tells which files and options the configuration is made of."""
    answer = call("job=classifier", "--info")
    result = call("job=classifier", "--info", "--json").document["result"]

    assert "job=classifier" in answer.out
    assert "classifier" == result["choices"]["job"]
    assert "brevetti_hydra.jobs.classifier:Classifier" == result["target"]
    assert 60 == result["config"]["epochs"]


TOPICS = ("searchpath", "defaults", "defaults-tree", "config", "plugins")


@pytest.mark.parametrize("topic", TOPICS)
def test_info_topics(topic: str, call: Callable[..., Any], runs_dir: Path) -> None:
    """Each part prints what it is about, alone, as text and as a document; `all` has it, too."""
    text = call("job=classifier", "--info", topic).out
    result = call("job=classifier", f"--info={topic}", "--json").document["result"]
    others = [call("job=classifier", "--info", other).out for other in TOPICS if other != topic]

    assert text.strip()
    assert text not in others
    assert text in call("job=classifier", "--info", "all").out + "\n"
    given = {name for name in TOPICS if result[name.replace("-", "_")] is not None}
    assert {topic} == given


def test_info_needs_no_job(call: Callable[..., Any], runs_dir: Path) -> None:
    """Only the configuration itself needs one; a mistyped part is named."""
    assert 0 == call("--info").code
    assert (2, "error[no-job-chosen]") == _first_words(call("--info", "config"))
    assert (2, "error[usage]") == _first_words(call("--info", "default"))


def _first_words(answer: Any) -> tuple[int, str]:
    return answer.code, answer.err.partition(":")[0]


def test_mistakes_are_reported_together(call: Callable[..., Any], runs_dir: Path) -> None:
    """All mistakes of a line are in the report and in the document; nothing is written."""
    answer = call("job=classifier", "lr=abc", "epochs=0")
    document = call("job=classifier", "lr=abc", "epochs=0", "--json").document

    assert (2, "") == (answer.code, answer.out)
    assert answer.err.endswith("2 errors; nothing was run\n")
    assert ["invalid-setting", "invalid-setting"] == [e["code"] for e in document["errors"]]
    assert ["argument 2: lr=abc", "argument 3: epochs=0"] == [
        each["where"]["label"] for each in document["errors"]
    ]
    assert not runs_dir.exists()


def test_a_closed_pipe_is_quiet(make_run: Callable[..., Any], tmp_path: Path) -> None:
    """A reader that has seen enough causes no noise."""
    make_run(log="line\n" * 200_000)
    script = f"{sys.executable} -m brevetti_hydra logs last | head -n 1; echo ${{PIPESTATUS[0]}}"

    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert ("line\n0\n", "") == (done.stdout, done.stderr)


def test_module_and_script_are_the_same(tmp_path: Path) -> None:
    """`python -m brevetti_hydra` answers as the console script does."""
    done = subprocess.run(
        [sys.executable, "-m", "brevetti_hydra", "runs", "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, []) == (done.returncode, json.loads(done.stdout)["result"]["runs"])


def test_cfg_with_an_info_file(call: Callable[..., Any], runs_dir: Path) -> None:
    """The settings of info.json are a layer of what `--cfg` prints."""
    runs_dir.parent.joinpath("info.json").write_text(
        json.dumps({"name": "a", "settings": {"epochs": 7}}), encoding="utf-8"
    )

    answer = call("job=classifier", "--info_file", "info.json", "--cfg", "job")

    assert (0, "") == (answer.code, answer.err)
    assert "\nepochs: 7\n" in answer.out
