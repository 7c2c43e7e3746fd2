"""`brevetti-hydra show RUN`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from brevetti_hydra.record import ArtifactRef, Failure, RunState

if TYPE_CHECKING:
    from collections.abc import Callable


def test_sections(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """The page names state, settings, metrics, artifacts, environment, folder and command."""
    make_run(
        metrics={"accuracy": 0.9},
        progress={"loss": 0.1},
        epoch=5,
        artifacts=(ArtifactRef(path="saved_model.tar.gz", size_bytes=2048, sha256="00"),),
        model="saved_model.tar.gz",
        note="first \x1b[31m",
        tags=("a", "b"),
    )

    answer = call("show", "last")

    assert 0 == answer.code
    out = answer.out
    assert out.startswith("run 01ab000001  completed\n")
    for text in (
        "  job        classifier  (my.train:MyJob  my/train.py)\n",
        "  note       first \\x1b[31m\n",
        "  tags       a b\n",
        "  duration   1m00s\n",
        "  seed       0\n",
        "  folder     runs/20261123T101501Z-classifier-01ab000001\n",
        "\nsettings\n  lr            0.01\n  epochs        5\n  model.hidden  32\n",
        "\nmetrics\n  accuracy  0.9\n",
        "\nlast progress (epoch 5)\n  loss  0.1\n",
        "\nartifacts\n  saved_model.tar.gz  2.0 KiB  (the model)\n",
        "\nenvironment\n  python    3.11.2\n  packages  1 (named in snapshot.json)\n",
        "  git       abc on main, 1 changed file\n",
        "\ncommand\n  brevetti-hydra job=classifier lr=0.01\n",
    ):
        assert text in out


def test_failure(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """A failed run shows its traceback."""
    make_run(
        state=RunState.FAILED,
        failure=Failure(
            type="ValueError", message="bad", traceback="Traceback ...\nValueError: bad"
        ),
    )

    out = call("show", "01ab").out

    assert out.startswith("run 01ab000001  failed\n")
    assert "\nfailure\n  Traceback ...\n  ValueError: bad\n" in out


def test_origins(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """`--origins` tells who wrote each setting, the winner first."""
    make_run()

    out = call("show", "last", "--origins").out

    assert "0.01   argument 2: lr=0.01  <-  conf/job/classifier.yaml:4:1\n" in out
    assert "model.hidden  32     default of the class\n" in out


def test_config(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """`--config` prints the composed tree as YAML."""
    make_run()

    assert "lr: 0.01\njob:\n  _target_: my.train:MyJob\n" == call("show", "last", "--config").out


def test_document(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """`--json` holds record, snapshot and paths."""
    folder = make_run()

    result = call("show", "last", "--json").document["result"]

    assert "completed" == result["run"]["state"]
    assert "3.11.2" == result["snapshot"]["environment"]["python"]
    assert str(folder.root) == result["folder"]


def test_the_command_is_shown_without_what_had_no_effect(
    call: Callable[..., Any], runs_dir: Any
) -> None:
    """`show` prints the line that does the same and names the rest; the record keeps it as typed."""
    argv = ["job=hello", "epochs=3", "epochs", "=", "2", "greeting=hi", "~greeting"]
    assert 0 == call(*argv).code

    result = call("show", "last", "--json").document["result"]

    assert call("show", "last").out.endswith(
        " job=hello epochs=2\n"
        "  without epochs=3: a later one replaces it\n"
        "  without greeting=hi: a later one takes it away\n"
        "  without ~greeting: it is so without it\n"
    )
    assert ["job=hello", "epochs=3", "epochs=2", "greeting=hi", "~greeting"] == (
        result["run"]["command"][-5:]
    )
    assert ["job=hello", "epochs=2"] == result["snapshot"]["short_command"][-2:]


def test_a_snapshot_of_before_shows_the_whole_command(
    call: Callable[..., Any], make_run: Callable[..., Any]
) -> None:
    """Records that do not know which overrides had an effect are read as they were."""
    folder = make_run()
    content = json.loads(folder.snapshot.read_text())
    del content["short_command"], content["left_out"]
    folder.snapshot.write_text(json.dumps(content))

    assert call("show", "last").out.endswith("\n  brevetti-hydra job=classifier lr=0.01\n")


def test_without_snapshot(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """A run that died before its inputs were written is shown as far as it came."""
    make_run().snapshot.unlink()

    assert "\nsettings\n" in call("show", "last").out
    assert None is call("show", "last", "--json").document["result"]["snapshot"]


def test_unknown_and_ambiguous(call: Callable[..., Any], make_run: Callable[..., Any]) -> None:
    """An id that names no run, or several, is an error that says which there are."""
    make_run()
    make_run()

    assert (2, "error[run-not-found]: no run 'ffff'") == (
        call("show", "ffff").code,
        call("show", "ffff").err.splitlines()[0],
    )
    assert (2, "error[ambiguous-run]: 2 runs begin with '0'") == (
        call("show", "0").code,
        call("show", "0").err.splitlines()[0],
    )
