"""10,000 mutated configurations end in a result or in an error of ours: `python tests/fuzz`.

Each case is a project's YAML, a command line and an info.json, one of them mutated. A worker
process under limits asks everything of it that does not start the job. What must not happen, and
does, is printed and saved, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import pickle
import random as randomness
import select
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import KINDS, Case, Ending, Failure
from material import Maker, good_case
from worker import CANARY, CPU_S, MEMORY_BYTES

if TYPE_CHECKING:
    from collections.abc import Sequence

_HERE = Path(__file__).resolve().parent
_REPOSITORY = _HERE.parents[1]
# Of ten cases: what is mutated.
_TURNS = (
    "yaml",
    "override",
    "yaml",
    "info",
    "yaml",
    "override",
    "yaml",
    "info",
    "override",
    "yaml",
)
_HANG_S = 60.0
_CASES_OF_A_WORKER = 1_500


class Supervisor:
    """Keeps a worker alive, and hands it one case after the other."""

    def __init__(self, scratch: Path) -> None:
        self._scratch = scratch
        self._process: subprocess.Popen[bytes] | None = None
        self._answers = -1
        self._done = 0

    def run(self, case: Case) -> Ending:
        """Run a case; a worker that dies or hangs with it is a failure of the case."""
        ending = self._asked(case)
        if ending is None:
            process = self._process
            code = process.wait(10) if process is not None else 0
            log = (self._scratch / "worker.log").read_text(encoding="utf-8", errors="replace")
            self.stop()
            failure = Failure("", "worker died", f"exit {code}\n{log[-5000:]}")
            return Ending({"": "died"}, frozenset(), 0, "", 0, (failure,))
        self._done += 1
        if ending.is_spent or self._done >= _CASES_OF_A_WORKER:
            self.stop()
        return ending

    def stop(self) -> None:
        """End the worker."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin,):
                if stream is not None:
                    stream.close()
            os.close(self._answers)
            self._process = None
        self._done = 0

    def _asked(self, case: Case) -> Ending | None:
        if self._process is None:
            self._start()
            if self._answer(good_case()) is None:
                return None
        return self._answer(case)

    def _answer(self, case: Case) -> Ending | None:
        process = self._process
        if process is None or process.stdin is None:
            return None
        try:
            pickle.dump(case, process.stdin)
            process.stdin.flush()
        except BrokenPipeError:
            return None
        content = b""
        while True:
            ready, _, _ = select.select([self._answers], [], [], _HANG_S)
            if not ready:
                process.kill()
                return None
            piece = os.read(self._answers, 1 << 16)
            if not piece:
                return None
            content += piece
            try:
                ending: Ending = pickle.loads(content)  # noqa: S301 - from our own child
            except (EOFError, pickle.UnpicklingError):
                continue
            return ending

    def _start(self) -> None:
        folder, outside = self._scratch / "project", self._scratch / "outside"
        if not folder.exists():
            shutil.copytree(_HERE / "project", folder)
            (outside / "bait_outside" / "below").mkdir(parents=True)
            for name in ("__init__.py", "below/__init__.py", "below/module.py"):
                (outside / "bait_outside" / name).write_text("X = 1\n", encoding="utf-8")
        self._answers, theirs = os.pipe()
        environment = {
            "PATH": os.environ.get("PATH", ""),
            "HOME": str(self._scratch),
            "PYTHONPATH": os.pathsep.join((str(_REPOSITORY), str(outside))),
            "PYTHONDONTWRITEBYTECODE": "1",
            "PYTHONHASHSEED": "0",
            "FUZZ_CANARY": CANARY,
            "COLUMNS": "100",
        }
        with (self._scratch / "worker.log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, str(_HERE / "worker.py"), str(folder), str(theirs)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                pass_fds=(theirs,),
                env=environment,
            )
        os.close(theirs)


class Tally:
    """The figures."""

    def __init__(self) -> None:
        self.cases: Counter[str] = Counter()
        self.results: Counter[str] = Counter()
        self.codes: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
        self.slowest: dict[str, tuple[float, str]] = dict.fromkeys(KINDS, (0.0, ""))
        self.largest: dict[str, int] = dict.fromkeys(KINDS, 0)
        self.signatures: set[str] = set()
        self.failures: list[tuple[str, Path, tuple[Failure, ...]]] = []
        self.lock = threading.Lock()

    def add(self, case: Case, ending: Ending, name: str, folder: Path) -> bool:
        """Count a case; tell whether it said something new."""
        with self.lock:
            self.cases[case.kind] += 1
            code = ending.codes.get("open", "died")
            self.results[case.kind] += not code
            self.codes[case.kind].update(code.split())
            if ending.cpu_s > self.slowest[case.kind][0]:
                self.slowest[case.kind] = (ending.cpu_s, f"{ending.slowest or 'open'}, {name}")
            self.largest[case.kind] = max(self.largest[case.kind], ending.growth_bytes)
            is_new = not ending.signatures <= self.signatures
            self.signatures |= ending.signatures
            if ending.failures:
                case.write(folder / name)
                texts = [f"{f.way}: {f.fault}\n{f.text}\n" for f in ending.failures]
                (folder / name / "failures.txt").write_text(
                    "\n".join(texts), encoding="utf-8", errors="backslashreplace"
                )
                self.failures.append((name, folder / name, ending.failures))
            return is_new

    def text(self) -> str:
        """Write the figures."""
        lines = []
        for kind in KINDS:
            seconds, where = self.slowest[kind]
            lines.append(
                f"{kind:8} {self.cases[kind]:6,} cases  {self.results[kind]:6,} results  "
                f"slowest {seconds:.2f} s ({where})  most memory {self.largest[kind] >> 20} MiB"
            )
            lines += [f"    {n:6,} {code}" for code, n in self.codes[kind].most_common()]
        lines.append(f"{len(self.signatures):,} different endings")
        return "\n".join(lines)


def shard(
    number: int, arguments: argparse.Namespace, scratch: Path, tally: Tally, deadline: float
) -> None:
    """Run every n-th case; what a shard does depends on the seed and the number of shards alone."""
    maker = Maker(randomness.Random(f"{arguments.seed}/{number}"))  # noqa: S311 - no secret
    signatures: set[str] = set()
    place = scratch / f"worker-{number}"
    place.mkdir()
    supervisor = Supervisor(place)
    try:
        for index in range(number, arguments.cases, arguments.workers):
            if time.monotonic() > deadline:
                return
            case = maker.make(_TURNS[index % len(_TURNS)])._replace(turn=index)
            ending = supervisor.run(case)
            tally.add(case, ending, f"{arguments.seed}-{index}-{case.kind}", arguments.keep)
            if not ending.signatures <= signatures:
                maker.keep(case)
            signatures |= ending.signatures
            if ending.failures:
                _say(f"{arguments.seed}-{index}-{case.kind}", ending.failures)
    finally:
        supervisor.stop()


def replay(folder: Path, scratch: Path) -> int:
    """Run a saved case again."""
    supervisor = Supervisor(scratch)
    try:
        ending = supervisor.run(Case.read(folder))
    finally:
        supervisor.stop()
    for way, code in ending.codes.items():
        print(f"{way}: {code or 'a result'}")
    print(f"slowest {ending.slowest} {ending.cpu_s:.2f} s, {ending.growth_bytes >> 20} MiB")
    for failure in ending.failures:
        print(f"\n{failure.way}: {failure.fault}\n{failure.text}")
    return 1 if ending.failures else 0


def _say(name: str, failures: Sequence[Failure]) -> None:
    for failure in failures[:1]:
        last = (failure.text.strip().splitlines() or [""])[-1][:200]
        line = f"FAILED {name} [{failure.way}] {failure.fault}: {last}"
        print(line.encode("ascii", "backslashreplace").decode(), flush=True)


def _read(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=0, help="0: a fresh one, which is printed")
    parser.add_argument("--time-budget", type=float, metavar="S", help="end after so many seconds")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where failing cases are saved")
    parser.add_argument("--replay", type=Path, help="run a saved case again")
    arguments = parser.parse_args(argv)
    arguments.seed = arguments.seed or randomness.SystemRandom().randrange(1, 1 << 31)
    return arguments


def main(argv: Sequence[str] | None = None) -> int:
    """Run the cases and print the figures."""
    arguments = _read(argv)
    scratch = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        if arguments.replay is not None:
            return replay(arguments.replay, scratch)
        arguments.keep = arguments.keep or Path(tempfile.mkdtemp(prefix="fuzz-failures-"))
        print(f"seed {arguments.seed}, {arguments.workers} workers", flush=True)
        tally, begin_s = Tally(), time.monotonic()
        deadline = begin_s + (arguments.time_budget or 1e9)
        threads = [
            threading.Thread(target=shard, args=(number, arguments, scratch, tally, deadline))
            for number in range(arguments.workers)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return _finish(arguments, tally, time.monotonic() - begin_s)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _finish(arguments: Any, tally: Tally, seconds: float) -> int:
    print(tally.text())
    total = sum(tally.cases.values())
    print(
        f"{total:,} cases in {seconds:.0f} s; limits {CPU_S:g} s and {MEMORY_BYTES >> 20} MiB a "
        f"command; {len(tally.failures)} failures"
    )
    if not tally.failures:
        if not any(arguments.keep.iterdir()):
            arguments.keep.rmdir()
        return 0
    faults = Counter(
        f"{each.fault} [{each.way}]" for _, _, found in tally.failures for each in found
    )
    for fault, count in faults.most_common():
        print(f"    {count:6,} {fault}")
    print(f"saved in {arguments.keep}; again: python tests/fuzz --replay {tally.failures[0][1]}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
