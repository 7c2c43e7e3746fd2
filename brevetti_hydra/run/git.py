"""What git knows about the code of a run: commit, state and patch, asked for while others work.

Git never runs a program that the repository names: no file-system monitor, no hooks, no external
diff, no text conversion, and no filter but those that the user's own configuration names. A partial
clone fetches nothing. Git never takes a lock, so that no other git has to wait.
"""

from __future__ import annotations

import os
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

__all__ = [
    "MOST_FILE_BYTES",
    "MOST_PATCH_BYTES",
    "GitProbe",
    "GitState",
    "ask_git",
    "begin_git",
    "refuse_copy",
]

_SAFE = "-c core.fsmonitor=false -c core.hooksPath=/dev/null -c core.quotePath=false"
_QUESTIONS = {
    "status": "status --porcelain=v2 --branch -z --ignore-submodules=dirty",
    "top": "rev-parse --show-toplevel --symbolic --branches",
    "urls": "config -z --get-regexp '^remote\\..*\\.url$'",
    "diff": (
        "diff HEAD --no-ext-diff --no-textconv --no-color --no-renames --ignore-submodules"
        " --src-prefix=a/ --dst-prefix=b/ -- ':(top)*.py' ':(top)*.yaml' ':(top)*.yml'"
    ),
}

# `status` and `diff` read changed files through the filters that the configuration names: programs.
# This question runs none. Filters by other scopes than the repository's are the user's own.
_NO_FILTERS = """
keys=$(git -C "$0" config --show-scope --name-only --get-regexp '^filter[.]')
test $? -le 1 || exit
count=0
while read -r scope key; do
  case $scope in local | worktree) ;; *) continue ;; esac
  for part in clean process required; do
    export "GIT_CONFIG_KEY_$count=${key%.*}.$part" "GIT_CONFIG_VALUE_$count="
    count=$((count + 1))
  done
done <<END
$keys
END
if test $count -gt 0; then
  export "GIT_CONFIG_KEY_$count=brevetti.asks" "GIT_CONFIG_VALUE_$count=1"
  export GIT_CONFIG_COUNT=$((count + 1))
  # A git that knows no such variables (before 2.31) would run the filters.
  test "$(git -C "$0" config brevetti.asks)" = 1 || exit
fi
"""

# Limits of what is kept of uncommitted changes.
MOST_FILE_BYTES = 1_000_000
MOST_PATCH_BYTES = 20_000_000

# Never kept, wherever they lie and whatever they hold.
_FORBIDDEN_NAME = r"(^|/)\.env|\.pem$|key[^/]*$"

_USERINFO = r"(?<=://)[^/@]+@"


def refuse_copy(name: str, size_bytes: int, left_bytes: int) -> str | None:
    """Give the reason why a source, or what differs in it, is not kept; None if it may be.

    Args:
        name: The file's name, with its folders.
        size_bytes: How much there is to keep.
        left_bytes: How much may still be kept in all.
    """
    if re.search(_FORBIDDEN_NAME, name.lower()):
        return "its name may stand for a secret"
    if size_bytes > MOST_FILE_BYTES:
        return "larger than 1 MB"
    return "more than 20 MB in all" if size_bytes > left_bytes else None


class GitState(NamedTuple):
    """What git answered.

    Attributes:
        commit: The commit's id; None before the first one.
        branch: The branch; None where the head is detached.
        remote_url: The address of `origin`, or of the first remote, without credentials.
        branches: All local branches.
        is_dirty: Whether tracked files differ from the commit.
        changed: The tracked files that differ, relative to the top of the tree.
        untracked: How many files are neither tracked nor ignored.
        patch: The differences of the .py and YAML files that may be kept.
        left_out: Sources whose differences are not kept, with the reason.
    """

    commit: str | None
    branch: str | None
    remote_url: str | None
    branches: tuple[str, ...]
    is_dirty: bool
    changed: tuple[str, ...]
    untracked: int
    patch: bytes
    left_out: tuple[tuple[str, str], ...]

    def as_json(self) -> dict[str, Any]:
        """Give what the snapshot keeps beside the patch's own file."""
        fields = self._asdict()
        del fields["patch"]
        return fields


class GitProbe:
    """Questions that git is answering; `gather` waits for the answers."""

    def __init__(self, pid: int, reader: int, mark: str) -> None:
        """Hold the process and the reading end of its answers; a `pid` of 0 stands for none.

        Args:
            pid: The process that asks.
            reader: Where its answers can be read.
            mark: What stands between them.
        """
        self._pid = pid
        self._reader = reader
        self._mark = mark.encode()
        self._answers: dict[str, bytes | None] | None = None

    def abandon(self) -> None:
        """Take no answer, if none was taken; git ends when it finds that nobody reads."""
        if self._pid:
            os.close(self._reader)
            self._end()

    def gather(self, *, python_in: Iterable[Path], yaml_files: Iterable[str]) -> GitState | None:
        """Wait for git, and keep what may be kept; asked again, it has the same answers.

        Args:
            python_in: Folders of the job's own source: .py files there go into the patch.
            yaml_files: The YAML files that took part, by absolute path.

        Returns:
            None without git, or outside of a tree.
        """
        if self._answers is None:
            self._answers = self._read()
        answers = self._answers
        status = answers.get("status")
        if status is None:
            return None
        top, *branches = os.fsdecode(answers.get("top") or b"").splitlines() or [""]
        allowed = _Allowed(top, python_in, yaml_files)
        patch, left_out = _filter_patch(answers.get("diff") or b"", allowed)
        head, changed, untracked = _read_status(os.fsdecode(status))
        branch = head.get("branch.head")
        commit = head.get("branch.oid")
        return GitState(
            commit=None if commit in {None, "(initial)"} else commit,
            branch=None if branch in {None, "(detached)"} else branch,
            remote_url=_read_remote(os.fsdecode(answers.get("urls") or b"")),
            branches=tuple(branches),
            is_dirty=bool(changed),
            changed=tuple(changed),
            untracked=untracked,
            patch=patch,
            left_out=tuple(left_out),
        )

    def _read(self) -> dict[str, bytes | None]:
        """Read all answers; None where git refused."""
        if not self._pid:
            return {}
        with open(self._reader, "rb") as stream:  # noqa: PTH123 - a descriptor
            content = stream.read(4 * MOST_PATCH_BYTES)
        self._end()
        # Each answer ends in the mark and git's exit status.
        pieces = re.split(rb"\n%s (\d+)\n" % self._mark, content)
        found = zip(_QUESTIONS, pieces[::2], pieces[1::2], strict=False)
        return {name: text if code == b"0" else None for name, text, code in found}

    def _end(self) -> None:
        pid, self._pid = self._pid, 0
        with suppress(ChildProcessError):  # the program reaps all its children by itself
            os.waitpid(pid, 0)


def begin_git(folder: str | os.PathLike[str]) -> GitProbe:
    """Ask git about the tree that holds a folder, and go on at once."""
    mark = os.urandom(16).hex()
    # One shell asks one question after the other: it takes 1 ms to start, and another core to run,
    # where starting git itself takes 4 ms each time.
    script = _NO_FILTERS + "".join(
        f'git -C "$0" {_SAFE} {question}; printf "\\n{mark} %d\\n" $?\n'
        for question in _QUESTIONS.values()
    )
    pid, reader = ask_git(script, os.path.abspath(folder))  # noqa: PTH100 - any text
    return GitProbe(pid, reader, mark)


def ask_git(script: str, *arguments: str) -> tuple[int, int]:
    """Start a shell that asks git, and go on at once; posix_spawn needs no import and no fork.

    Args:
        script: What the shell runs.
        arguments: Its `$0`, `$1` and so on.

    Returns:
        The shell's process id, and where its stdout can be read; 0 and -1 where there is no shell.
    """
    if not hasattr(os, "posix_spawn"):
        return 0, -1
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("GIT_")},
        "GIT_OPTIONAL_LOCKS": "0",
        "GIT_TERMINAL_PROMPT": "0",
        # No transport at all.
        "GIT_ALLOW_PROTOCOL": "none",
        "GIT_NO_LAZY_FETCH": "1",
        "LC_ALL": "C",
    }
    reader, writer = os.pipe()
    actions = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_DUP2, writer, 1),
        (os.POSIX_SPAWN_OPEN, 2, os.devnull, os.O_WRONLY, 0),
    ]
    try:
        command = ["sh", "-c", script, *arguments]
        return os.posix_spawn("/bin/sh", command, environment, file_actions=actions), reader
    except OSError:
        os.close(reader)
        return 0, -1
    finally:
        os.close(writer)


def _read_status(text: str) -> tuple[dict[str, str], list[str], int]:
    """Read `git status --porcelain=v2 -z`: the header, changed files, the number of untracked."""
    head: dict[str, str] = {}
    changed: list[str] = []
    untracked = 0
    fields = iter(text.split("\0"))
    for field in fields:
        if field.startswith("# "):
            key, _, value = field[2:].partition(" ")
            head[key] = value
        elif field.startswith("? "):
            untracked += 1
        elif field.startswith(("1 ", "u ", "2 ")):
            spaces = {"1": 8, "2": 9, "u": 10}[field[0]]
            changed.append(field.split(" ", spaces)[spaces])
            if field[0] == "2":
                next(fields, None)  # where it was renamed from
    return head, changed, untracked


def _read_remote(text: str) -> str | None:
    urls = dict(field.split("\n", 1) for field in text.split("\0") if "\n" in field)
    url = urls.get("remote.origin.url") or next(iter(urls.values()), None)
    if url is None:
        return None
    url = re.sub(_USERINFO, "", url)
    return url.partition("?")[0]


class _Allowed:
    """Which files may go into a patch."""

    def __init__(self, top: str, python_in: Iterable[Path], yaml_files: Iterable[str]) -> None:
        self._folders = [_relative(str(folder), top) for folder in python_in]
        self._yaml = {_relative(path, top) for path in yaml_files}

    def is_source(self, name: str) -> bool:
        """Tell whether a file is source of the job, or YAML that took part."""
        if name.endswith(".py"):
            return any(not folder or name.startswith(f"{folder}/") for folder in self._folders)
        return name in self._yaml


def _relative(path: str, top: str) -> str:
    """Give a path below the top of the tree; a name that nothing has for one outside."""
    real = os.path.realpath(path)
    if real == top:
        return ""
    return real[len(top) + 1 :].replace(os.sep, "/") if real.startswith(top + os.sep) else "//"


def _filter_patch(diff: bytes, allowed: _Allowed) -> tuple[bytes, list[tuple[str, str]]]:
    kept: list[bytes] = []
    left_out: list[tuple[str, str]] = []
    left_bytes = MOST_PATCH_BYTES
    for part in re.split(rb"^(?=diff --git )", diff, flags=re.MULTILINE):
        if not part:
            continue
        name = _patched_name(part)
        if not allowed.is_source(name):
            continue
        reason = refuse_copy(name, len(part), left_bytes)
        if reason is None:
            kept.append(part)
            left_bytes -= len(part)
        else:
            left_out.append((name, reason))
    return b"".join(kept), left_out


def _patched_name(part: bytes) -> str:
    """Read `diff --git a/NAME b/NAME`; both are the same, for renames are not looked for."""
    line = part.split(b"\n", 1)[0][len(b"diff --git ") :]
    if line.startswith(b'"'):
        # A name with control characters, quotes or backslashes, spelled as in C.
        spelled = line[1 : len(line) // 2 - 1]
        return os.fsdecode(spelled.decode("unicode_escape").encode("latin-1"))[2:]
    return os.fsdecode(line[2 : len(line) // 2])
