"""The entry point: which command is meant, and what its end looks like from outside."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, NamedTuple, NoReturn

from brevetti_hydra._text import similar_name
from brevetti_hydra.cli.commands import COMMANDS, GROUPS
from brevetti_hydra.cli.reply import JsonMode, Reply, stdout_error
from brevetti_hydra.cli.report import exit_code_of, print_error
from brevetti_hydra.errors import RunInterrupted, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["console", "main"]


# Flags of the harness without a value: they may stand before the command.
_LEADING = frozenset({"--json", "--json=document", "--json=lines", "--traceback"})


class _Line(NamedTuple):
    """The line as far as it matters here: None as the command is a run."""

    command: str | None
    words: list[str]
    json: JsonMode
    traceback: bool


def console() -> NoReturn:
    """Run the command line of this process and end it."""
    # Until the job begins everything that is made lives on: half of the start-up's garbage
    # collections would look at all of it and free nothing (a tenth of a no-op run's time).
    gc.disable()
    _open_closed_streams()
    code = _run_line(sys.argv[1:], ends_process=True)
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _drop_stdout()
    except OSError as error:
        _drop_stdout()
        if code == 0:
            code = exit_code_of(stdout_error(error))
            print_error(stdout_error(error), sys.stderr)
    sys.exit(code)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command line.

    Args:
        argv: The words after the program's name; default: those of this process.

    Returns:
        The exit code: 0 done or pruned, 1 the run failed, 2 the user must change something,
        130 and 143 stopped by a signal.
    """
    return _run_line(sys.argv[1:] if argv is None else argv, ends_process=False)


def _run_line(argv: Sequence[str], *, ends_process: bool) -> int:
    line = _read_line(argv)
    name = line.command if line.command in COMMANDS else "run"
    answer = Reply(name or "run", line.json, traceback=line.traceback, ends_process=ends_process)
    with answer as reply:
        try:
            _check_folder()
            return _execute(line, reply)
        except BrokenPipeError:
            # The reader, `head` for instance, has seen enough.
            _drop_stdout()
            return 0
        except (Exception, KeyboardInterrupt, RunInterrupted) as error:  # noqa: BLE001 - the last stop
            return reply.fail(error)


def _check_folder() -> None:
    try:
        os.getcwd()  # noqa: PTH109 - the folder is not wanted, only whether there is one
    except OSError as error:
        raise UsageError(
            "the working directory does not exist any more",
            notes=[error.strerror or str(error)],
            hint="change to a folder that exists",
        ) from error


def _execute(line: _Line, reply: Reply) -> int:
    if line.command is None:
        from brevetti_hydra.cli.run import execute_line

        return execute_line(line.words, reply)
    if line.command in GROUPS:
        return _say_group(line.command, line.words, reply)
    command = COMMANDS.get(line.command)
    if command is None:
        raise _unknown_command(line.command)
    module: Any = import_module(command.module)
    parser = module.build_parser()
    if _asks_help(line.words):
        reply.say(parser.format_help().rstrip())
        reply.answer({"help": parser.format_help()})
        return 0
    code: int = module.execute(parser.read(line.words), reply)
    return code


def _read_line(argv: Sequence[str]) -> _Line:
    words = list(argv)
    first = next((index for index, word in enumerate(words) if word not in _LEADING), None)
    end = words.index("--") if "--" in words else len(words)
    known = [word for word in words[:end] if word in _LEADING]
    json: JsonMode = None
    for word in known:
        if word.startswith("--json"):
            json = "lines" if word == "--json=lines" else "document"
    traceback = "--traceback" in known
    if first is None or not _is_command_word(words[first]):
        return _Line(None, words, json, traceback)
    rest = [word for word in words[first + 1 : end] if word not in _LEADING] + words[end:]
    command = words[first]
    if command in GROUPS and rest and rest[0] not in {"--help", "-h"}:
        command = f"{command} {rest.pop(0)}"
    return _Line(command, rest, json, traceback)


def _is_command_word(word: str) -> bool:
    """Tell a command, or a mistyped one, from an override or a flag."""
    return (
        word in COMMANDS
        or word in GROUPS
        or (word.isascii() and word.replace("-", "").isalnum() and word[0] != "-")
    )


def _say_group(group: str, words: Sequence[str], reply: Reply) -> int:
    """List the commands that begin with a word, where it stands alone."""
    if not words:
        message = f"'{group}' needs a second word"
        raise UsageError(message, notes=[f"there are: {', '.join(_commands_of(group))}"])
    text = "\n".join(
        f"brevetti-hydra {name} {COMMANDS[name].words}".rstrip() + f"\n    {COMMANDS[name].summary}"
        for name in _commands_of(group)
    )
    reply.say(text)
    reply.answer({"help": text})
    return 0


def _commands_of(group: str) -> list[str]:
    return [name for name in COMMANDS if name.startswith(f"{group} ")]


def _asks_help(words: Sequence[str]) -> bool:
    asked = words[: words.index("--")] if "--" in words else words
    return "--help" in asked or "-h" in asked


def _unknown_command(word: str) -> UsageError:
    near = similar_name(word, COMMANDS)
    notes = [f"a similar name exists: '{near}'"] if near else []
    notes.append(f"commands: {', '.join(COMMANDS)}; a run begins with an override, job=NAME")
    return UsageError(f"no command '{word}'", notes=notes, hint="see 'brevetti-hydra --help'")


def _open_closed_streams() -> None:
    """Let what was closed at the start (`>&-`) lead nowhere; a run's file would take its place."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is not None:
            continue
        opened = os.open(os.devnull, os.O_RDWR)
        if opened != number:
            os.dup2(opened, number)
            os.close(opened)
        mode = "w" if number else "r"
        setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", closefd=False))


def _drop_stdout() -> None:
    """Let the last flush of a closed pipe, at the end of the process, go nowhere."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)
