"""Sweeps in which everything dies: `python tests/faults/sweeps.py --sweeps 200 --seed 1`.

Each sweep of 20 trials is driven, disturbed at a random moment or at a random kill point, and
driven again, until all trials are done. Workers, drivers, or both die by SIGKILL; disks fill up;
two drivers work at once. Then every claim is checked: each trial completed exactly once, nothing
that was done is lost or was run again, no state is wrong, and the summary is that of a sweep that
nobody disturbed. Ends with 0 if nothing was lost. `--without lease|journal` takes away what the
harness relies on, which must show as losses.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter, defaultdict
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

HOOKS = Path(__file__).with_name("hooks")
sys.path.insert(0, str(HOOKS))

import harm  # noqa: E402

import brevetti_hydra.run.session  # noqa: E402 - each child would import it anew
import brevetti_hydra.storage.access  # noqa: E402
import brevetti_hydra.storage.transfer  # noqa: E402, F401
from brevetti_hydra.config import find_project, read_argv  # noqa: E402
from brevetti_hydra.errors import (  # noqa: E402
    BrevettiHydraError,
    RecordUnreadableError,
    RunNotFoundError,
)
from brevetti_hydra.record import RunRecord, RunState  # noqa: E402
from brevetti_hydra.run.folders import RunFolder  # noqa: E402
from brevetti_hydra.run.settling import settle  # noqa: E402
from brevetti_hydra.sweep.driving.driver import Driver  # noqa: E402
from brevetti_hydra.sweep.driving.policy import Policy  # noqa: E402
from brevetti_hydra.sweep.folders import SweepFolder  # noqa: E402
from brevetti_hydra.sweep.launch.choice import open_launcher  # noqa: E402
from brevetti_hydra.sweep.opened import OpenSweep, open_sweep  # noqa: E402
from brevetti_hydra.sweep.planning.plan import plan_sweep, write_sweep  # noqa: E402
from brevetti_hydra.testing.faults import KILL_POINTS  # noqa: E402

TRIALS = 20
KINDS = ("worker", "driver", "both")
PHASES = ("planning", "claiming", "preparing", "running", "finishing", "between")
LEAST = 30
# Of one sweep.
MOST_TOLD = 5
# A drive that takes longer hangs.
LONGEST_S = 120.0
MOST_DRIVES = 12

# Points that processes pass which run trials, by what the trial is about to do there.
POINTS = {
    "claiming": ("folder.made", "log.opened", "run.locked", "attempt.claimed", "journal.opened"),
    "preparing": ("config.made", "config.written", "snapshot.written", "info.written"),
    "running": ("checkpoints.made", "progress.written", "metric.written", "artifact.folder"),
    "finishing": ("model.folder", "model.stored", "artifact.written", "state.completed"),
    "between": ("delivery.noted", "temp.removed"),
}
PLANNING = ("folder.made", "config.written", "code.written", "plan.written", "sweep.written")


class Plot(NamedTuple):
    """What is to happen to one drive.

    Attributes:
        kind: Who dies, or `disk`, or None where nothing happens.
        faults: What a process is told that strikes by itself; None where it comes from outside.
        after_s: When it comes from outside.
    """

    kind: str | None
    faults: dict[str, Any] | None = None
    after_s: float = 0.0


class Sweep:
    """One sweep, its drives, and what happened to it."""

    def __init__(
        self,
        folder: Path,
        dice: random.Random,
        without: str | None,
        before: Counter[tuple[str, str]],
        kind: str | None = None,
    ) -> None:
        self.folder = folder
        self.dice = dice
        self.without = without
        self.before = before
        self.kind = kind
        self.is_inline = dice.random() < 0.4 and kind is None
        self.has_two_drivers = without == "lease" or dice.random() < 0.25
        self.has_full_disk = not without and dice.random() < 0.15
        self.pause_s = dice.choice([0.0, 0.002, 0.01])
        self.runs = folder / "runs"
        self.ledger = folder / "ledger"
        self.log = folder / "landed.jsonl"
        self.bullets = folder / "bullets"
        self.done: dict[int, dict[str, Any]] = {}
        self.losses: list[str] = []
        self.landed: list[tuple[str, str]] = []
        self.killed: set[int] = set()
        self.starved: set[int] = set()
        for each in (self.ledger, self.bullets, self.runs):
            each.mkdir(parents=True)

    # --- what happens ---

    def plot(self) -> Plot:
        """Choose what happens to the next drive."""
        dice = self.dice
        if self.has_full_disk and dice.random() < 0.5:
            point, moment = self.choose(dice.choice(["claiming", "running", "finishing"]))
            return Plot(
                "disk", self.strike("disk", point, moment, disk=dice.choice([0, 300, 3000]))
            )
        kind = self.kind or ("both" if self.is_inline else dice.choice(KINDS))
        if self.without == "journal":
            # Behind the last epoch, which has no other place to stand.
            return Plot(kind, {**self.strike(kind, "model.stored", "before"), "nth": 1})
        if self.kind is None and dice.random() < 0.3:
            return Plot(kind, after_s=dice.uniform(0.0, 0.6 if self.is_inline else 1.6))
        # What has landed least often until now.
        phases = [*POINTS, *(["planning"] if self.found() is None else [])]
        phase = min(phases, key=lambda each: self.before[kind, each] + dice.random())
        point, moment = self.choose(phase)
        return Plot(kind, self.strike(kind, point, moment, in_driver=phase == "planning"))

    def choose(self, phase: str) -> tuple[str, str]:
        if phase == "planning":
            point = self.dice.choice(PLANNING)
            return point, self.dice.choice(("before", "after"))
        point = self.dice.choice(POINTS[phase])
        return point, self.dice.choice(KILL_POINTS[point])

    def strike(self, kind: str, point: str, moment: str, **more: Any) -> dict[str, Any]:
        nth = 1 if more.get("in_driver") else self.dice.choice([1, 1, 2, 3, 5, 8])
        in_driver = self.is_inline or more.pop("in_driver", False)
        return {
            "kind": kind,
            "point": point,
            "moment": moment,
            "nth": nth,
            "in_driver": in_driver,
            **more,
        }

    def found(self) -> SweepFolder | None:
        """Give the sweep's folder, once its plan is whole."""
        for path in sorted(self.runs.glob("sweep-*")):
            if (path / "sweep.json").exists():
                return SweepFolder(path)
        return None

    # --- drives ---

    def live(self) -> None:
        """Drive until every trial is done, disturbed at first."""
        drives = self.dice.choice([1, 2, 3, 4])
        for number in range(MOST_DRIVES):
            plot = self.plot() if number < drives else Plot(None)
            self.drive(plot)
            self.look()
            if number >= drives and self.is_done():
                break
        else:
            self.losses.append(f"not done after {MOST_DRIVES} drives")

    def drive(self, plot: Plot) -> None:
        for bullet in self.bullets.iterdir():
            bullet.unlink()
        for number in range(self.dice.choice([1, 2, 3])):
            (self.bullets / str(number)).touch()
        drivers = [self.begin(plot)]
        if self.has_two_drivers and self.found() is not None:
            drivers.append(self.begin(Plot(None)))
        if plot.kind is not None and plot.faults is None:
            time.sleep(plot.after_s)
            self.kill(plot.kind, drivers[0])
        self.wait(drivers)

    def begin(self, plot: Plot) -> int:
        """Fork a driver."""
        pid = os.fork()
        if pid:
            return pid
        code = 9
        try:
            self.be_driver(plot)
            code = 0
        except BrevettiHydraError as error:
            print(error, file=sys.stderr)
            code = 2
        finally:
            os._exit(code)

    def be_driver(self, plot: Plot) -> None:
        out = os.open(self.folder / "driver.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(out, 1)
        os.dup2(out, 2)
        os.chdir(self.folder)
        faults: dict[str, Any] = {
            "log": str(self.log),
            "bullets": str(self.bullets),
            "without": self.without,
        }
        faults["driver"] = os.getpid()
        os.environ["FAULTS"] = json.dumps(faults | (plot.faults or {}))
        os.environ["LEDGER"] = str(self.ledger)
        os.environ["PYTHONPATH"] = os.pathsep.join([str(HOOKS), *paths()])
        harm.bring_in(is_driver=True)
        folder = self.found()
        sweep = self.plan() if folder is None else open_sweep(folder)
        policy = Policy.of(sweep.record, is_retrying_failed=self.has_full_disk)
        Driver(sweep, open_launcher(sweep), policy=policy).drive()

    def plan(self) -> OpenSweep:
        launcher = ["launcher=inline"]
        if not self.is_inline:
            launcher = ["launcher=processes", "launcher.workers=2"]
        line = [*line_of(self.runs, self.pause_s), *launcher]
        project = find_project(self.folder)
        request = read_argv(["-m", *line], project.budget)
        return write_sweep(plan_sweep(request, folder=self.folder, command=line))

    def kill(self, kind: str, driver: int) -> None:
        """Kill from outside, at whatever moment this is."""
        workers = harm.children_of(driver)
        if kind == "worker":
            pids = [self.dice.choice(workers)] if workers else []
        else:
            pids = [driver, *(workers if kind == "both" else [])]
        stopped = [pid for pid in pids if send(pid, signal.SIGSTOP)]
        if stopped:
            # Nobody moves now.
            phase = self.phase_of(stopped[-1] if kind == "worker" else None)
            harm.log(str(self.log), {"kind": kind, "pids": stopped, "phase": phase})
        for pid in stopped:
            send(pid, signal.SIGKILL)

    def wait(self, drivers: list[int]) -> None:
        """Wait for the drivers, and at times for what they have left behind."""
        end = time.monotonic() + LONGEST_S
        left = set(drivers)
        while left:
            for pid in list(left):
                if os.waitpid(pid, os.WNOHANG)[0]:
                    left.discard(pid)
            if time.monotonic() > end:
                self.end_hanging(left)
                end += LONGEST_S
            time.sleep(0.005)
        # Those who lose their driver go on for a while, and the next one meets them.
        if self.dice.random() < 0.5:
            self.wait_for_orphans()

    def end_hanging(self, drivers: set[int]) -> None:
        """End drivers that do not end, and have them say where they are."""
        self.losses.append(f"a drive took longer than {LONGEST_S:g} s")
        pids = [each for pid in drivers for each in [*harm.children_of(pid), pid]]
        for number in (signal.SIGUSR1, signal.SIGKILL):
            for pid in pids:
                send(pid, number)
            time.sleep(1)
        print("\n".join(lines_of(self.folder / "driver.log")[-60:]), flush=True)
        print([(number, record and record.state) for number, record in self.records()], flush=True)

    def wait_for_orphans(self) -> None:
        """Wait until no process is left; orphans are given to this one."""
        end = time.monotonic() + LONGEST_S
        while time.monotonic() < end:
            try:
                if not os.waitpid(-1, os.WNOHANG)[0]:
                    time.sleep(0.005)
            except ChildProcessError:
                return
        self.losses.append("a worker without a driver does not end")

    # --- what is found ---

    def look(self) -> None:
        """Note what landed, and that nothing done was undone."""
        # Whoever has outlived an earlier drive may strike in this one, or between two.
        events = [json.loads(line) for line in lines_of(self.log)]
        for event in events[len(self.landed) :]:
            (self.starved if event["kind"] == "disk" else self.killed).update(event["pids"])
            self.landed.append((event["kind"], event.get("phase") or self.phase_at(event["point"])))
        for number, record in self.records():
            if record is None:
                continue
            if record.state is RunState.COMPLETED:
                self.keep(number, record)
            self.check_progress(number, record)

    def check_progress(self, number: int, record: RunRecord) -> None:
        """See whether the record tells all that the harness had taken before a process died."""
        ledger = [line.split() for line in lines_of(self.ledger / record.run_id)]
        newest = record.attempts[-1]
        epochs = [int(words[2]) for words in ledger if words[:2] == ["epoch", str(newest.number)]]
        # What a full disk refuses is counted, in a record that it may refuse as well.
        if epochs and (record.epoch or 0) < max(epochs) and newest.pid not in self.starved:
            self.losses.append(f"trial {number} lost epoch {max(epochs)} of {newest.number}")

    def phase_at(self, point: str) -> str:
        """Tell what a process was doing that has struck itself."""
        name = point.partition(":")[0]
        if self.found() is None:
            return "planning"
        return next((phase for phase, points in POINTS.items() if name in points), "between")

    def phase_of(self, pid: int | None) -> str:
        """Tell what a victim was doing, or the workers of one."""
        folder = self.found()
        if folder is None:
            return "planning"
        phases = []
        for claim in folder.root.glob("*/.attempt"):
            with suppress(OSError, ValueError):
                if pid is None or json.loads(claim.read_bytes())["pid"] == pid:
                    phases.append(self.phase_in(RunFolder(claim.parent)))
        return next((phase for phase in phases if phase != "between"), "between")

    def phase_in(self, folder: RunFolder) -> str:
        states = [event["state"] for event in journalled(folder) if event["kind"] == "state"]
        if not states:
            return "claiming"
        if states[-1] == "created":
            return "preparing"
        if states[-1] != "running":
            return "between"
        return "finishing" if (folder.artifacts_dir / "report.txt").exists() else "running"

    def keep(self, number: int, record: RunRecord) -> None:
        fields = json.loads(record.model_dump_json())
        if self.done.setdefault(number, fields) != fields:
            self.losses.append(f"trial {number} was done, and has changed")

    def records(self) -> Iterator[tuple[int, RunRecord | None]]:
        folder = self.found()
        for trial in [] if folder is None else open_sweep(folder).trials:
            try:
                yield trial.number, settle(trial.run_folder(folder))  # type: ignore[arg-type]
            except RunNotFoundError:
                yield trial.number, None
            except RecordUnreadableError as error:
                self.losses.append(f"trial {trial.number}: {error}")
                yield trial.number, None

    def is_done(self) -> bool:
        records = list(self.records())
        return bool(records) and all(
            record is not None and record.state is RunState.COMPLETED for _, record in records
        )

    # --- what must hold ---

    def check(self, reference: list[dict[str, Any]]) -> None:
        """Check every claim of a sweep that is done."""
        self.wait_for_orphans()
        self.look()
        folder = self.found()
        if folder is None:
            self.losses.append("there is no sweep")
            return
        plan = [json.loads(line) for line in lines_of(folder.plan)]
        if len(plan) != TRIALS or len(list(folder.root.glob("0*"))) != TRIALS:
            self.losses.append(f"{len(plan)} trials were planned")
        for trial, (number, record) in zip(plan, self.records(), strict=True):
            if record is None:
                self.losses.append(f"trial {number} has no record")
                continue
            self.keep(number, record)
            if (trial["run_id"], trial["key"]) != (
                record.run_id,
                record.trial and record.trial.key,
            ):
                self.losses.append(f"trial {number} is another one")
            self.check_trial(number, record, folder.trial(trial["folder"]))
        if summary_of(folder) != reference:
            self.losses.append("the summary is not that of an undisturbed sweep")

    def check_trial(self, number: int, record: RunRecord, folder: RunFolder) -> None:
        lose: Callable[[str], None] = lambda text: self.losses.append(f"trial {number} {text}")  # noqa: E731
        if record.state is not RunState.COMPLETED:
            lose(f"is {record.state}")
        if self.without != "journal":
            self.check_journal(journalled(folder), record, lose)
        self.check_attempts(record, lose)
        self.check_ledger(record, lose)

    def check_journal(
        self, events: list[dict[str, Any]], record: RunRecord, lose: Callable[[str], None]
    ) -> None:
        """Check that each state and each epoch stands there once."""
        states = [event["state"] for event in events if event["kind"] == "state"]
        if states.count("completed") != 1 or states[-1:] != ["completed"]:
            lose(f"went {states}")
        if [event["seq"] for event in events] != list(range(1, len(events) + 1)):
            lose("has a journal with gaps")
        told = {(e["attempt"], e["epoch"]) for e in events if e["kind"] == "progress"}
        ledger = [line.split() for line in lines_of(self.ledger / record.run_id)]
        fed = {each.number for each in record.attempts if each.pid not in self.starved}
        kept = {(int(words[1]), int(words[2])) for words in ledger if words[0] == "epoch"}
        kept = {each for each in kept if each[0] in fed}
        if not kept <= told:
            lose(f"lost progress {sorted(kept - told)}")

    def check_ledger(self, record: RunRecord, lose: Callable[[str], None]) -> None:
        """Check what the job itself has seen: each attempt once, one at a time, none too many."""
        ledger = [line.split() for line in lines_of(self.ledger / record.run_id)]
        begun = [int(words[1]) for words in ledger if words[0] == "begin"]
        if len(begun) != len(set(begun)):
            lose(f"ran attempts {begun}")
        if begun[-1:] != [len(record.attempts)]:
            lose("was run again after it was done")
        if any(words[0] == "overlap" for words in ledger):
            lose("ran in two processes at once")

    def check_attempts(self, record: RunRecord, lose: Callable[[str], None]) -> None:
        for attempt in record.attempts[:-1]:
            is_killed = attempt.pid in self.killed
            if attempt.state is RunState.LOST and not is_killed and not self.has_full_disk:
                lose(
                    f"lost attempt {attempt.number}, whose process nobody killed: {attempt.failure}"
                )
            if attempt.state is RunState.FAILED and not self.has_full_disk:
                lose(f"failed: {attempt.failure}")
            if attempt.state not in {RunState.LOST, RunState.FAILED}:
                lose(f"has attempt {attempt.number} {attempt.state}")


def paths() -> list[str]:
    """Give where the harness under test lies."""
    import brevetti_hydra

    return [str(Path(brevetti_hydra.__file__).parents[1])]


def send(pid: int, number: int) -> bool:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True


def line_of(runs: Path, pause_s: float) -> list[str]:
    """Give the line of the sweep."""
    points = [f"x={','.join(map(str, range(TRIALS // 4)))}", "y=0,1,2,3"]
    return ["job=faulty:Faulty", *points, f"pause_s={pause_s}", f"run.root={runs}"]


def lines_of(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []


def journalled(folder: RunFolder) -> list[dict[str, Any]]:
    """Read a journal's whole lines, but revoked ones, without any code of ours."""
    events: list[dict[str, Any]] = []
    content = folder.journal.read_bytes() if folder.journal.exists() else b""
    for line in content.split(b"\n")[:-1]:
        try:
            event = json.loads(line)
        except ValueError:
            continue  # torn, and revoked by the next line
        if event["kind"] == "mended":
            events = [each for each in events if each["seq"] <= event["seq"]]
        else:
            events.append(event)
    return events


def summary_of(folder: SweepFolder) -> list[dict[str, Any]]:
    """Give what the summary says of each trial, but for ids and times."""
    from brevetti_hydra.sweep.summary.view import read_sweep

    view = read_sweep(folder)
    return [
        {
            "number": trial.number,
            "key": trial.planned.key,
            "varied": trial.planned.varied,
            "state": str(trial.state),
            "metrics": dict(trial.metrics),
            "progress": dict(trial.progress),
            "values": list(trial.values),
        }
        for trial in view.trials
    ]


@contextmanager
def project(seed: int) -> Iterator[Path]:
    """Make a folder with the job in it, and clear it away."""
    root = Path(tempfile.mkdtemp(prefix=f"sweeps-{seed}-"))
    try:
        yield root
    finally:
        shutil.rmtree(root, ignore_errors=True)


def make(root: Path, name: str) -> Path:
    folder = root / name
    folder.mkdir()
    (folder / "pyproject.toml").touch()
    shutil.copy(HOOKS / "faulty.py", folder / "faulty.py")
    return folder


def undisturbed(root: Path, pause_s: float) -> list[dict[str, Any]]:
    """Give the summary of a sweep that nobody disturbs."""
    sweep = Sweep(make(root, f"undisturbed-{pause_s}"), random.Random(0), None, Counter())  # noqa: S311
    sweep.is_inline, sweep.has_two_drivers, sweep.pause_s = True, False, pause_s
    sweep.drive(Plot(None))
    sweep.wait_for_orphans()
    folder = sweep.found()
    assert folder is not None
    return summary_of(folder)


def main(argv: list[str] | None = None) -> int:
    """Disturb sweeps, and print what landed and what was lost.

    Returns:
        0 if nothing was lost.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sweeps", type=int, default=200)
    parser.add_argument("--seed", type=int, default=None, help="default: a fresh one")
    parser.add_argument("--without", choices=("lease", "journal"))
    parser.add_argument("--kind", choices=KINDS, help="only this one, and by kill points")
    arguments = parser.parse_args(argv)
    seed = arguments.seed if arguments.seed is not None else int.from_bytes(os.urandom(4))
    print(f"seed {seed}, {arguments.sweeps} sweeps of {TRIALS} trials", flush=True)
    # Processes whose parent was killed become children of this one.
    ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)
    landed: Counter[tuple[str, str]] = Counter()
    scenes: Counter[str] = Counter()
    losses: list[str] = []
    references: dict[float, list[dict[str, Any]]] = {}
    began = time.monotonic()
    with project(seed) as root:
        for number in range(arguments.sweeps):
            dice = random.Random(seed * 100_003 + number)  # noqa: S311 - of tests
            sweep = Sweep(make(root, f"{number}"), dice, arguments.without, landed, arguments.kind)
            if sweep.pause_s not in references:
                references[sweep.pause_s] = undisturbed(root, sweep.pause_s)
            sweep.live()
            sweep.check(references[sweep.pause_s])
            landed.update(sweep.landed)
            scenes["inline" if sweep.is_inline else "processes"] += 1
            scenes["two drivers"] += sweep.has_two_drivers
            scenes["full disk"] += sweep.has_full_disk
            for loss in sweep.losses[:MOST_TOLD]:
                print(f"sweep {number}: {loss}", flush=True)
            losses += sweep.losses
            shutil.rmtree(sweep.folder, ignore_errors=True)
    report(landed, scenes, arguments.sweeps, time.monotonic() - began)
    few = [] if arguments.sweeps < 200 or arguments.without else too_few(landed)
    for each in few:
        print(f"too few: {each}")
    print(f"{len(losses)} losses")
    return 1 if losses or few else 0


def too_few(landed: Counter[tuple[str, str]]) -> list[str]:
    totals: defaultdict[str, int] = defaultdict(int)
    for (kind, phase), count in landed.items():
        totals[kind] += count
        totals[phase] += count
    return [f"{name} {totals[name]}" for name in (*KINDS, *PHASES) if totals[name] < LEAST]


def report(
    landed: Counter[tuple[str, str]], scenes: Counter[str], sweeps: int, seconds: float
) -> None:
    """Print the faults that landed, by who died and by what they were doing."""
    kinds = (*KINDS, "disk")
    print("landed      " + "".join(f"{phase:>11}" for phase in PHASES) + "        all")
    for kind in kinds:
        counts = [landed[kind, phase] for phase in PHASES]
        print(f"{kind:12}" + "".join(f"{count:11}" for count in counts) + f"{sum(counts):11}")
    print(", ".join(f"{count} {scene}" for scene, count in sorted(scenes.items())))
    print(f"{sweeps} sweeps in {seconds:.0f} s")


if __name__ == "__main__":
    sys.exit(main())
