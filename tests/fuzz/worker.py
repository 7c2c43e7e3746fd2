"""The process in which cases end: under limits, and watched by an audit hook.

It reads pickled cases from stdin and writes pickled endings to the descriptor that it is given.
"""

from __future__ import annotations

import faulthandler
import io
import os
import pickle
import re
import resource
import shutil
import signal
import sys
import time
import traceback
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from cases import Case, Ending, Failure
from watch import Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CPU_S = 2.0
# It composes every option of every group.
CHECK_CPU_S = 10.0
MEMORY_BYTES = 200 << 20
# Beyond the limit itself, so that a case ends with its figures, and not by a signal.
_KILL_CPU_S = 20.0
_ADDRESS_BYTES = 600 << 20
_SPENT_BYTES = 150 << 20
CANARY = "canary0f3n7"
# Words of machinery that an error of ours has no use for.
_INTERNAL = re.compile(
    r"Traceback|object at 0x|<class '|omegaconf\.|hydra\._|antlr|NoneType|pydantic_core|"
    r"errors\.pydantic\.dev|unexpected keyword|has no attribute|not subscriptable|"
    r"\bDictConfig|\bListConfig|NodeContext|full_key:|object_type="
)


class Worker:
    """Runs cases in one project folder.

    Attributes:
        folder: The project; its configuration is written anew for each case.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._watch = Watch(folder)
        self._warm_bytes = 0

    def warm(self, case: Case) -> None:
        """Run a good case until everything that is imported late is there."""
        for _ in range(2):
            self.run(case)
        size_bytes = _status("VmSize")
        resource.setrlimit(resource.RLIMIT_AS, (size_bytes + _ADDRESS_BYTES,) * 2)
        self._warm_bytes = _status("VmRSS")

    def run(self, case: Case) -> Ending:
        """Run one case through every way."""
        self._lay_out(case)
        codes: dict[str, str] = {}
        signatures: set[str] = set()
        failures: list[Failure] = []
        slowest, cpu_s, growth_bytes = "", 0.0, 0
        for way, execute in self._ways(case).items():
            signal.setitimer(signal.ITIMER_PROF, _KILL_CPU_S)
            before_bytes = _fresh_peak()
            start_s = time.process_time()
            with self._watch.watching(case, way) as seen, _captured() as streams:
                code, found, text = _ended(way, execute)
            spent_s = time.process_time() - start_s
            growth = _status("VmHWM") - before_bytes
            printed = "".join(stream.getvalue().decode("utf-8", "replace") for stream in streams)
            codes[way] = code
            signatures.add(f"{code} {_without_words(text)}")
            failures += [*found, *seen, *_texts(way, case, text, printed)]
            if spent_s > cpu_s:
                slowest, cpu_s = way, spent_s
            growth_bytes = max(growth_bytes, growth)
            if spent_s > (CHECK_CPU_S if "check" in way else CPU_S):
                failures.append(Failure(way, "slow", f"{spent_s:.1f} s"))
            if growth > MEMORY_BYTES:
                failures.append(Failure(way, "memory", f"{growth >> 20} MiB"))
        signal.setitimer(signal.ITIMER_PROF, 0)
        is_spent = _status("VmRSS") > self._warm_bytes + _SPENT_BYTES
        return Ending(
            codes,
            frozenset(signatures),
            cpu_s,
            slowest,
            growth_bytes,
            tuple(failures),
            is_spent and bool(self._warm_bytes),
        )

    def _ways(self, case: Case) -> dict[str, Callable[[], object]]:
        found: dict[str, Callable[[], object]] = {"open": partial(_open, case.argv, self.folder)}
        for words in ways(case):
            own = (
                words[: len(words) - len(case.argv)]
                if words[-len(case.argv) :] == case.argv
                else words
            )
            found[" ".join(own)] = partial(_line, words)
        return found

    def _lay_out(self, case: Case) -> None:
        for entry in self.folder.iterdir():
            if entry.is_dir():
                shutil.rmtree(entry)
            elif entry.suffix != ".py":
                entry.unlink()
        for name, content in case.files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)


def ways(case: Case) -> list[list[str]]:
    """Give what is asked of a configuration on the command line; nothing of it starts a job.

    Each case opens a run; of the lines that answer it takes some, in turns, so that 10,000 cases
    take minutes.
    """
    from brevetti_hydra.cli.commands import COMMANDS

    lines = [[*flags, *case.argv] for flags in _FLAGS]
    lines += [
        [*name.split(), *(case.argv if takes_line else [])]
        for name, takes_line in _COMMANDS.items()
        if name.removeprefix("--json ").removesuffix(" --diff") in COMMANDS
    ]
    first = case.turn * _LINES_OF_A_CASE
    return [lines[(first + step) % len(lines)] for step in range(min(_LINES_OF_A_CASE, len(lines)))]


_LINES_OF_A_CASE = 3
_FLAGS = (
    *(
        ["--cfg", "job"],
        ["--help"],
        ["--cfg", "job", "--resolve"],
        ["--info"],
        ["--json", "--help"],
    ),
    *(["--json", "--cfg", "job"], ["--info=defaults-tree"]),
)
# Command -> whether it takes a run's line.
_COMMANDS = {
    "explain": True,
    "--json explain": True,
    "config check": False,
    "config schema": False,
    "config migrate --diff": False,
}


def _open(argv: list[str], folder: Path) -> None:
    """Do all that a run does before it writes its first file."""
    from brevetti_hydra.config import find_project, read_argv
    from brevetti_hydra.opening import open_run

    request = read_argv(argv, find_project(folder).budget)
    job = open_run(request, folder=folder, command=["brevetti-hydra", *argv])
    repr(job.settings)


def _line(words: list[str]) -> None:
    """Do what `cli.main` does with a line, but let errors through."""
    from brevetti_hydra.cli.main import _execute, _read_line
    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.errors import BrevettiHydraError

    line = _read_line(words)
    with Reply(line.command or "run", line.json, traceback=line.traceback) as reply:
        try:
            _execute(line, reply)
        except BrevettiHydraError as error:
            reply.fail(error)
            raise


def _ended(way: str, execute: Callable[[], object]) -> tuple[str, list[Failure], str]:
    """Give the error's code, what was wrong about its end, and what it said."""
    from brevetti_hydra.errors import BrevettiHydraError

    try:
        execute()
    except BrevettiHydraError as error:
        text = str(error)
        if not error.message or not text.startswith("error["):
            return error.code, [Failure(way, "mute", repr(error))], text
        codes = sorted({each["code"] for each in error.as_json()})
        return " ".join(codes), [], text
    except BaseException as error:
        trace = traceback.format_exception(error, limit=-25)
        short = "".join(trace)
        text = short if len(short) < 6000 else f"{short[:3000]}\n[...]\n{short[-3000:]}"
        return type(error).__name__, [Failure(way, "exception", text)], type(error).__name__
    return "", [], ""


def _texts(way: str, case: Case, text: str, printed: str) -> list[Failure]:
    """Look for words that only the machinery knows, and for the environment."""
    failures = []
    found = _INTERNAL.search(text)
    if found and not any(found[0] in word for word in _words(case)):
        failures.append(Failure(way, "internal text", text[:4000]))
    # An error may name the option that a defaults list takes from the environment.
    is_plain = way == "--cfg job" and not text
    if CANARY in printed + text and (case.is_sent_alone or is_plain):
        failures.append(Failure(way, "environment shown", printed[:4000]))
    return failures


def _words(case: Case) -> Iterator[str]:
    yield from case.argv
    yield from (content.decode("utf-8", "replace") for content in case.files.values())


def _without_words(text: str) -> str:
    """Leave of an error what does not depend on the case's own words."""
    lines = [line for line in text.splitlines() if not re.match(r"  -->|\s+\d+ \|", line)]
    return " ".join(re.sub(r"'[^']*'|\d+|\"[^\"]*\"", "_", line)[:120] for line in lines[:6])


@contextmanager
def _captured() -> Iterator[list[io.BytesIO]]:
    """Take stdout and stderr, as strict as those of a process."""
    saved = sys.stdout, sys.stderr
    buffers = [io.BytesIO(), io.BytesIO()]
    sys.stdout = io.TextIOWrapper(buffers[0], encoding="utf-8", write_through=True)
    sys.stderr = io.TextIOWrapper(
        buffers[1], encoding="utf-8", errors="backslashreplace", write_through=True
    )
    try:
        yield buffers
    finally:
        streams = sys.stdout, sys.stderr
        sys.stdout, sys.stderr = saved
        for stream in streams:
            stream.detach()


def _status(name: str) -> int:
    """Read a figure of this process, in bytes."""
    text = Path("/proc/self/status").read_text(encoding="ascii", errors="replace")
    found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
    return int(found[1]) << 10 if found else 0


def _fresh_peak() -> int:
    """Let the peak of the memory begin anew; give what is used now."""
    with open("/proc/self/clear_refs", "w", encoding="ascii") as stream:  # noqa: PTH123 - no file
        stream.write("5")
    return _status("VmRSS")


def serve(folder: Path, requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer cases until stdin ends; the first one is good."""
    # Whoever takes twenty seconds of processor time ends here, with a traceback on stderr.
    faulthandler.register(signal.SIGPROF, chain=True)
    os.chdir(folder)
    worker = Worker(folder)
    is_warm = False
    while True:
        try:
            case: Any = pickle.load(requests)  # noqa: S301 - from our own parent
        except EOFError:
            return
        if not is_warm:
            worker.warm(case)
            is_warm = True
        pickle.dump(worker.run(case), answers)
        answers.flush()


if __name__ == "__main__":
    serve(Path(sys.argv[1]), sys.stdin.buffer, os.fdopen(int(sys.argv[2]), "wb"))
