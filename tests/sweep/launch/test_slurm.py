"""What can be said of SLURM without one; tests/system/slurm has a real cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from pydantic import ValidationError

from brevetti_hydra.cli.main import main
from brevetti_hydra.errors import LauncherError
from brevetti_hydra.record import RunState
from brevetti_hydra.sweep.launch import slurm
from brevetti_hydra.sweep.launch.slurm import SlurmLauncher
from brevetti_hydra.sweep.launch.slurm_queue import QueuedJob, SlurmQueue
from brevetti_hydra.sweep.opened import open_sweep
from brevetti_hydra.sweep.task import Task
from brevetti_hydra.sweep_nodes import LauncherNode, SweepNode

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brevetti_hydra.sweep.folders import SweepFolder

# Answers as squeue gives them: a task that waits, one that runs, one that is done.
_SQUEUE = """#!/bin/sh
echo "12_1|PENDING|JobArrayTaskLimit"
echo "12_0|RUNNING|None"
echo "11|CANCELLED|None"
"""


@pytest.fixture
def commands(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Put commands on the path, each of which is a script that is given."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")

    def put(**scripts: str) -> Path:
        for name in ("sbatch", "squeue", "scancel", "scontrol"):
            path = tmp_path / name
            path.write_text(scripts.get(name, "#!/bin/sh\n"))
            path.chmod(0o755)
        return tmp_path

    return put


def test_the_queue_is_read(commands: Callable[..., Path]) -> None:
    """Jobs are known by the ids of their array's tasks, with why they wait."""
    commands(squeue=_SQUEUE)
    jobs = SlurmQueue("sweep-x").jobs()
    assert {
        "12_1": QueuedJob("PENDING", "JobArrayTaskLimit"),
        "12_0": QueuedJob("RUNNING", None),
        "11": QueuedJob("CANCELLED", None),
    } == jobs
    assert ["pending (JobArrayTaskLimit)", "running", "cancelled"] == [
        str(j) for j in jobs.values()
    ]
    assert [False, False, True] == [job.is_ended for job in jobs.values()]


def test_a_controller_that_does_not_answer(commands: Callable[..., Path]) -> None:
    """What SLURM says of itself is told; it is no answer that there are no jobs."""
    commands(squeue="#!/bin/sh\necho 'squeue: error: Unable to contact controller' >&2\nexit 1\n")
    with pytest.raises(LauncherError) as caught:
        SlurmQueue("sweep-x").jobs()
    assert ["squeue: error: Unable to contact controller"] == list(caught.value.notes)


def test_a_machine_without_slurm(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where there is no SLURM, the error says where to start the sweep."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LauncherError) as caught:
        SlurmQueue("sweep-x")
    assert "there is no SLURM here: 'sbatch' is not found" == caught.value.message


def test_only_as_many_ids_as_a_line_takes(commands: Callable[..., Path]) -> None:
    """Thousands of jobs are cancelled in several commands, each of which is short enough."""
    folder = commands(scancel='#!/bin/sh\necho $# >> "$(dirname "$0")/counts"\n')
    SlurmQueue("sweep-x").cancel([f"1_{n}" for n in range(2500)], signal="TERM")
    assert ["1001", "1001", "501"] == (folder / "counts").read_text().split()


def test_largest_array(commands: Callable[..., Path]) -> None:
    """The cluster says how large an array may be."""
    commands(scontrol='#!/bin/sh\necho "MaxArraySize            = 1001"\n')
    assert 1000 == SlurmQueue("sweep-x").largest_array()


@pytest.mark.parametrize(
    ("kind", "key", "value", "owners"),
    [
        ("inline", "memory_mb", 200, "launcher=processes or launcher=slurm"),
        ("inline", "partition", "gpu", "launcher=slurm"),
        ("processes", "sbatch", {"account": "vision"}, "launcher=slurm"),
        ("slurm", "trials_per_worker", 1, "launcher=processes"),
    ],
)
def test_a_key_belongs_to_its_kind(kind: str, key: str, value: object, owners: str) -> None:
    """A key of another launcher is an error that says whose it is."""
    with pytest.raises(ValidationError) as caught:
        LauncherNode.model_validate({"kind": kind, key: value})
    [mistake] = caught.value.errors()
    assert (key,) == mistake["loc"]
    assert f"Value error, it belongs to {owners}, but the launcher is '{kind}'" == mistake["msg"]


def test_defaults_belong_to_every_kind() -> None:
    """What stands in every composed tree is a mistake of nobody."""
    whole = LauncherNode().model_dump()
    assert LauncherNode() == LauncherNode.model_validate(whole)


AWAY = "#!/bin/sh\ntest -e $(dirname $0)/away && exit 1\n"


def test_a_stop_waits_for_the_controller(
    commands: Callable[..., Path], make_sweep: Callable[..., SweepFolder]
) -> None:
    """Ctrl-C while the controller is away is no error, and is handed on when it is back."""
    folder = make_sweep([{"varied": {}, "state": RunState.PLANNED}], sweep=SweepNode().model_dump())
    path = commands(
        squeue=f"{AWAY}echo '12_0|RUNNING|None'\n",
        scancel='#!/bin/sh\necho "$@" >> $(dirname $0)/cancelled\n',
    )
    folder.engine_dir.mkdir()
    (folder.engine_dir / "jobs.jsonl").write_text('{"number":0,"attempt":1,"job":"12_0"}\n{"num')
    launcher = SlurmLauncher(open_sweep(folder), LauncherNode(kind="slurm"))
    launcher.submit([Task(open_sweep(folder).trials[0], 1)])
    (path / "away").touch()

    launcher.stop(at_once=False)
    launcher.wait(0)
    is_cancelled = (path / "cancelled").exists()
    (path / "away").unlink()
    launcher._asked = 0.0
    launcher.wait(0)

    assert (False, "--signal=TERM 12_0\n") == (is_cancelled, (path / "cancelled").read_text())


def test_stop_asks_trials_without_the_scheduler(
    make_sweep: Callable[..., SweepFolder], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Where the scheduler cannot be told, drivers and running trials are asked all the same."""
    running = {"varied": {}, "state": RunState.RUNNING}
    folder = make_sweep([running], launcher={"kind": "slurm"})
    monkeypatch.setenv("PATH", str(tmp_path))

    code = main(["sweep", "stop", str(folder.root)])

    trial = open_sweep(folder).trials[0].run_folder(folder)
    assert (2, True, True) == (code, folder.stop_request.exists(), trial.request.exists())


def test_a_torn_line_takes_no_other_along(tmp_path: Path) -> None:
    """What a killed driver has left of a line does not become a part of the next one."""
    path = tmp_path / "jobs.jsonl"
    for content in (b"", b"{}\n", b'{}\n{"num'):
        path.write_bytes(content)
        with path.open("ab+") as stream:
            slurm._end_line(stream)
            stream.write(b"[]\n")

        assert b"[]" == path.read_bytes().splitlines()[-1]
