"""What a case does to the world: files, network, processes, environment, imports."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from cases import Case, Failure

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["BAIT", "Watch"]

_WRITING_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_WRITING = frozenset(
    {
        *("os.chmod", "os.chown", "os.link", "os.mkdir", "os.remove", "os.rename", "os.rmdir"),
        *("os.symlink", "os.truncate", "os.utime", "os.setxattr", "os.removexattr", "os.mkfifo"),
        *("shutil.copyfile", "shutil.move", "shutil.rmtree", "tempfile.mkstemp"),
        *("tempfile.mkdtemp", "sqlite3.connect"),
    }
)
_PROCESSES = frozenset(
    {
        *("subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn"),
        *("os.spawn", "os.startfile", "os.kill", "os.killpg", "pty.spawn", "signal.pthread_kill"),
        *("ctypes.dlopen", "ctypes.dlsym", "pickle.find_class", "builtins.input"),
        *("builtins.breakpoint", "sys.setprofile", "sys.settrace", "code.__new__"),
    }
)
_ENVIRONMENT = frozenset({"os.putenv", "os.unsetenv", "os.chdir", "resource.setrlimit"})
_NETWORK = ("socket.", "urllib.", "http.", "ftplib.", "smtplib.", "telnetlib.")

# Modules that nothing of the harness needs: whoever has one imported was asked to by a case.
BAIT = (
    *("antigravity", "this", "turtle", "webbrowser", "wsgiref.simple_server", "xmlrpc.client"),
    *("idlelib.run", "bait_outside", "bait_outside.below.module", "lib2to3.main", "poplib"),
)


class Watch:
    """An audit hook, and a look at the process before and after."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        self._failures: list[Failure] | None = None
        self._way = ""
        sys.addaudithook(self._hear)

    @contextmanager
    def watching(self, case: Case, way: str) -> Iterator[list[Failure]]:
        """Watch one way of a case."""
        failures: list[Failure] = []
        environment, place = dict(os.environ), os.getcwd()  # noqa: PTH109 - as it is
        modules, paths = set(sys.modules), set(sys.path)
        self._way, self._failures = way, failures
        try:
            yield failures
        finally:
            self._failures = None
            if dict(os.environ) != environment or os.getcwd() != place:  # noqa: PTH109
                failures.append(Failure(way, "environment changed", "variables or folder"))
            added = set(sys.path) - paths - {self._folder, f"{self._folder}/src"}
            if added:
                failures.append(Failure(way, "search path", f"sys.path got {sorted(added)}"))
            for name in sorted(set(sys.modules) - modules):
                if self._is_foreign(name, case):
                    failures.append(Failure(way, "imported", name))
                    if name in BAIT:
                        # So that the next case that asks for it is seen as well.
                        del sys.modules[name]

    def _is_foreign(self, name: str, case: Case) -> bool:
        """Whether a module is none of ours, and a case names it."""
        module = sys.modules[name]
        places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
        if any(place and str(place).startswith(self._folder) for place in places):
            return False
        if name.partition(".")[0] in {"brevetti_hydra", "encodings"}:
            return False
        if name in BAIT:
            return True
        word = name.encode()
        return any(word in text for text in (*map(_bytes, case.argv), *case.files.values()))

    def _hear(self, event: str, args: tuple[Any, ...]) -> None:
        if self._failures is None:
            return
        fault = _fault(event, args)
        if fault is not None:
            text = f"{event} {args!r}"[:400]
            if not any(known.text == text for known in self._failures):
                self._failures.append(Failure(self._way, fault, text))


def _fault(event: str, args: tuple[Any, ...]) -> str | None:
    if event == "open":
        path, _, flags = args
        is_written = isinstance(flags, int) and flags & _WRITING_FLAGS
        return "written" if is_written and path != os.devnull else None
    if event in _WRITING:
        return "written"
    if event in _PROCESSES:
        return "process"
    if event in _ENVIRONMENT:
        return "environment changed"
    return "network" if event.startswith(_NETWORK) else None


def _bytes(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass")
