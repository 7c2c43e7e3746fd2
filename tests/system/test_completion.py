"""Real bash, zsh and fish in a terminal: what appears when somebody types a line and presses TAB.

tests/golden/completion/SHELL.txt holds the screens: each line that is typed, `<TAB>` at its end, and
what the terminal shows afterwards.
"""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pyte
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
WIDTH, HEIGHT = 110, 30
# Nothing that is awaited takes so long on a busy machine.
PATIENCE_S = 10.0
QUIET_S = 0.7
CLEAR, INTERRUPT, KILL_LINE = "\x0c", "\x03", "\x15"

SHELLS = ("bash", "zsh", "fish")
COMMANDS = {
    "bash": ["--norc", "--noprofile", "-i"],
    "zsh": ["-f", "-i"],
    "fish": ["--no-config", "-i"],
}
SETUP = {
    "bash": [
        "PS1='> '; PS2=; unset HISTFILE",
        "bind 'set enable-bracketed-paste off' 'set bell-style none' 2>/dev/null",
        *(
            f"bind 'set {setting}'"
            for setting in (
                "enable-bracketed-paste off",
                "bell-style none",
                "show-all-if-ambiguous on",
                "completion-query-items 0",
                "page-completions off",
            )
        ),
    ],
    "zsh": ["PROMPT='> '; setopt nobeep; LISTMAX=0; autoload -Uz compinit; compinit -u -D"],
    "fish": ["function fish_prompt; echo -n '> '; end; set -g fish_autosuggestion_enabled 0"],
}
LOAD = {
    "bash": 'eval "$(brevetti-hydra completion bash)"',
    "zsh": 'eval "$(brevetti-hydra completion zsh)"',
    "fish": "brevetti-hydra completion fish | source",
}
ECHO = {
    "bash": "brevetti-hydra() { printf '[%s]' \"$@\"; echo; }",
    "zsh": "brevetti-hydra() { printf '[%s]' \"$@\"; echo }",
    "fish": "function brevetti-hydra; printf '[%s]' $argv; echo; end",
}
BEFORE = {
    "bash": "_mine() { COMPREPLY=(before); }; complete -F _mine python; complete -W alpha python3",
    "zsh": "_mine() { compadd before }; _his() { compadd alpha }; compdef _mine python; compdef _his python3",
    "fish": "complete -c python -f -a before; complete -c python3 -f -a alpha",
}

TRAIN = '''\
from pathlib import Path
from typing import Literal

from brevetti_hydra import Field, Job, JobSettings

Path("imported").touch()


class Settings(JobSettings):
    epochs: int = Field(3, ge=1, description="passes")
    mode: Literal["fast", "very slow"] = "fast"
    folder: Path | None = None


class Train(Job):
    """Trains something."""

    settings: Settings

    def run(self):
        pass
'''
MINE = "# @package _global_\n# A job of this project.\njob:\n  _target_: train:Train\nepochs: 7\n"

TYPED = [
    "brevetti-hydra comp",
    "brevetti-hydra completion ",
    "brevetti-hydra show ",
    "brevetti-hydra show l",
    "brevetti-hydra rm aa00000001 ",
    "brevetti-hydra tag aa -b",
    "brevetti-hydra --cfg ",
    "brevetti-hydra -cd con",
    "brevetti-hydra job=",
    "brevetti-hydra job=cl",
    'brevetti-hydra "job=cl',
    "brevetti-hydra job='cl",
    "brevetti-hydra +exp",
    "brevetti-hydra job=tr",
    "brevetti-hydra job=train:",
    "brevetti-hydra job=classifier mod",
    "brevetti-hydra job=classifier model.",
    "brevetti-hydra job=classifier augment.mirror=",
    "brevetti-hydra job=classifier --model.h",
    "brevetti-hydra job=classifier --augment.mirror ",
    "brevetti-hydra job=mine epochs=",
    "brevetti-hydra job=mine mode=v",
    "brevetti-hydra job=mine 'mode=v",
    "brevetti-hydra job=mine folder=files/a",
    "brevetti-hydra job=mine folder=files/ü",
    "brevetti-hydra run.se",
    "brevetti-hydra run.capture=f",
    "python -m brevetti_hydra job=classifier mod",
    "python3 -X dev -m brevetti_hydra job=m",
    "PYTHON -m brevetti_hydra job=m",
    "A=1 brevetti-hydra job=m",
    "brevetti-hydra nothing",
]


class Terminal:
    """A shell in a terminal, as a person sees it.

    Attributes:
        folder: Where it was started.
    """

    def __init__(self, shell: str, folder: Path, home: Path) -> None:
        self.folder = folder
        self._screen = pyte.Screen(WIDTH, HEIGHT)
        self._stream = pyte.ByteStream(self._screen)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("PYTEST", "XDG_", "COL"))}
        environ = {
            **kept,
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
            "HOME": str(home),
            "TERM": "xterm",
            "LC_ALL": "C.UTF-8",
            # Newer ones ask the terminal who it is, and wait for an answer.
            "fish_features": "no-query-term",
        }
        self._child = pexpect.spawn(
            shell,
            COMMANDS[shell],
            env=environ,
            cwd=str(folder),
            dimensions=(HEIGHT, WIDTH),
            timeout=PATIENCE_S,
        )
        self._shell = shell
        self._number = 0
        self.settle()
        for line in SETUP[shell]:
            self.execute(line)

    def execute(self, line: str) -> None:
        """Run a line, and wait until it has ended."""
        self._number += 1
        # Written in two parts, so that the echo of the line itself is not taken for the end.
        self._child.send(f'{line}\recho DO""NE{self._number}\r')
        self.wait(lambda: f"DONE{self._number}" in self.shown())
        self.clear()

    def clear(self) -> None:
        """Take the line and the screen away."""
        self._child.send(INTERRUPT)
        self.settle(0.2)
        self._child.send(CLEAR)
        self.wait(lambda: self.shown() in {">", "> "})

    def type(self, text: str) -> None:
        """Type a text, keys included."""
        self._child.send(text)

    def shown(self) -> str:
        """Give what the screen shows, without the blanks at the ends."""
        return "\n".join(line.rstrip() for line in self._screen.display).strip("\n")

    def wait(self, is_reached: Callable[[], bool]) -> bool:
        """Read what the shell writes until something is there; False after a long time."""
        end = time.monotonic() + PATIENCE_S
        while not is_reached():
            if time.monotonic() > end:
                return False
            self._read(0.05)
        return True

    def settle(self, quiet_s: float = QUIET_S) -> str:
        """Read until the shell has been quiet for a while; give what is shown."""
        while self._read(quiet_s):
            pass
        return self.shown()

    def close(self) -> None:
        """End the shell."""
        self._child.close(force=True)

    def _read(self, timeout_s: float) -> bool:
        try:
            self._stream.feed(self._child.read_nonblocking(65536, timeout=timeout_s))
        except pexpect.TIMEOUT:
            return False
        return True


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Make a project with a job, runs, and files of odd names."""
    made = tmp_path / "project"
    for name, text in {
        "train.py": TRAIN,
        "conf/job/mine.yaml": MINE,
        "files/a b.txt": "",
        "files/ünï 日本.txt": "",
        "runs/20251123T115900Z-classifier-aa00000001/record.json": '{"tags": ["baseline"]}',
        "runs/20251121T115900Z-my-job-bb00000002/record.json": "{}",
    }.items():
        path = made / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return made


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    """Give each shell; without it the test is skipped (and `.ci/run` fails)."""
    name: str = request.param
    if shutil.which(name) is None:
        pytest.skip(f"no {name}; apt-get install {name}")
    return name


@pytest.fixture
def terminal(shell: str, folder: Path, tmp_path: Path) -> Iterator[Terminal]:
    """Open a terminal with the shell, in which nothing is loaded yet."""
    home = tmp_path / "home"
    home.mkdir()
    opened = Terminal(shell, folder, home)
    yield opened
    opened.close()


def steady(text: str) -> str:
    """Replace what differs between two days and machines."""
    text = re.sub(r"\d+d ago", "9d ago", text.replace(sys.executable, "PYTHON"))
    return re.sub(r" +$", "", text, flags=re.MULTILINE)


def expected_screens(path: Path) -> dict[str, str]:
    """Read a transcript: the typed line, then the screen, indented."""
    text = path.read_text(encoding="utf-8") if path.exists() else ""
    found = {}
    for block in re.split(r"^(?=\S)", text, flags=re.MULTILINE):
        head, _, body = block.partition("\n")
        found[head.removesuffix("<TAB>")] = "\n".join(line[4:] for line in body.splitlines())
    return found


@pytest.mark.slow
def test_transcript(
    terminal: Terminal, shell: str, request: pytest.FixtureRequest, golden: Callable[..., None]
) -> None:
    """What appears behind a TAB is what the transcript says, line by line."""
    update = bool(request.config.getoption("--update-golden"))
    name = f"completion/{shell}.txt"
    expected = expected_screens(REPOSITORY / "tests" / "golden" / name)
    terminal.execute(LOAD[shell])
    blocks = []

    for line in TYPED:
        terminal.type(line.replace("PYTHON", sys.executable) + "\t")
        wanted = expected.get(line)
        if update or wanted is None:
            screen = steady(terminal.settle())
        else:
            terminal.wait(lambda wanted=wanted: steady(terminal.shown()).rstrip() == wanted)  # type: ignore[misc]
            screen = steady(terminal.shown())
        blocks.append("\n".join([f"{line}<TAB>", *(f"    {each}" for each in screen.split("\n"))]))
        terminal.clear()

    golden(name, "\n".join(blocks) + "\n")
    assert not (terminal.folder / "imported").exists()


@pytest.mark.slow
def test_names_of_files_never_run(terminal: Terminal, shell: str) -> None:
    """A completed name reaches the command as it is, whatever a shell could read in it."""
    names = [
        "1$(touch HACK)",
        "2`touch HACK`",
        "3;touch HACK",
        "4it's",
        '5say "x"',
        "6a\\b",
        "7*?[x]",
        "8 #&|<>(){}!",
        "9$HOME",
        "c~",
        *(["bnew\nline"] if shell != "fish" else []),
    ]
    for name in names:
        (terminal.folder / "files" / name).write_text("")
    terminal.execute(LOAD[shell])
    terminal.execute(ECHO[shell])

    for name in names:
        for opened in ("", "'") if "\n" not in name else ("",):
            terminal.type(f"brevetti-hydra job=mine {opened}folder=files/{name[0]}\t")
            terminal.settle(0.8)
            terminal.type("\r")
            printed = f"[job=mine][folder=files/{name}]"
            is_there = terminal.wait(lambda printed=printed: printed in terminal.shown())  # type: ignore[misc]
            assert is_there, f"{printed!r} not in\n{terminal.shown()}"
            terminal.clear()

    assert [] == list(terminal.folder.rglob("HACK"))


@pytest.mark.slow
def test_what_is_typed_never_runs(terminal: Terminal, shell: str) -> None:
    """A TAB behind a command substitution does not run it."""
    terminal.execute(LOAD[shell])
    if shell == "zsh":
        # Its TAB expands substitutions by itself, before anything is completed.
        terminal.execute("bindkey '^I' complete-word")

    for line in (
        "brevetti-hydra job=$(touch HACK)",
        "brevetti-hydra run.root=`touch HACK`/",
        'brevetti-hydra "job=$(touch HACK)',
        "brevetti-hydra job=$(touch HACK) lr",
        "python -m brevetti_hydra $(touch HACK) job=",
    ):
        terminal.type(line + "\t")
        terminal.settle(0.8)
        terminal.clear()

    assert [] == list(terminal.folder.rglob("HACK"))


@pytest.mark.slow
def test_python_keeps_its_completion(terminal: Terminal, shell: str) -> None:
    """Whatever completed python before still does, but for this module."""
    terminal.execute(BEFORE[shell])
    terminal.execute(LOAD[shell])
    expected = {
        "python be": "> python before",
        "python3 al": "> python3 alpha",
        "python -m brevetti_hydra job=m": "> python -m brevetti_hydra job=mine",
        "python3 -m brevetti_hydra job=m": "> python3 -m brevetti_hydra job=mine",
    }

    actual = {}
    for line, shown in expected.items():
        terminal.type(line + "\t")
        terminal.wait(lambda shown=shown: terminal.shown() == shown)  # type: ignore[misc]
        actual[line] = terminal.shown()
        terminal.clear()

    assert expected == actual


@pytest.mark.slow
def test_an_interpreter_that_is_gone_is_silent(terminal: Terminal, shell: str) -> None:
    """Where the environment was removed, a TAB offers nothing and says nothing."""
    terminal.execute(f"brevetti-hydra completion {shell} > script")
    script = terminal.folder / "script"
    script.write_text(script.read_text().replace(sys.executable, "/no/such/python"))
    terminal.execute("source ./script")

    terminal.type("brevetti-hydra jo\t")

    assert "> brevetti-hydra jo" == terminal.settle()
