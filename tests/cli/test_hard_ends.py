"""What ends badly ends in an error of ours, with one document, and leaves runs that can be read."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.cli.text import format_command
from brevetti_hydra.run.history import list_runs

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brevetti_hydra.run.folders import RunFolder

JOB = """\
import os, sys, threading, time
from pydantic import SecretStr
from brevetti_hydra import Job, JobSettings

class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no text")

class Settings(JobSettings):
    end: str = "well"
    token: SecretStr = SecretStr("")

def late():
    time.sleep(0.3)
    print("late", flush=True)
    os.write(1, b"later\\n")

class MyJob(Job):
    settings: Settings

    def run(self):
        end = self.settings.end
        if end == "surrogate":
            raise ValueError("bad \\udcff text")
        if end == "mute":
            raise Mute
        if end.startswith("child"):
            child = os.fork()
            if not child and end == "child raises":
                raise ValueError("of the child")
            if not child and end == "child leaves":
                sys.exit(7)
            if not child:
                return
            self.add_output_metric("code", os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        if end == "thread":
            threading.Thread(target=late).start()
        if end == "unfinished line":
            for epoch in (1, 2):
                sys.stdout.write(f"tok {epoch}")
                self.report_progress(epoch, loss=1)
                time.sleep(1.1)
            sys.stdout.write("last")
            raise ValueError("in the middle")
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """Make a project with one job."""
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "mine"\n', encoding="utf-8")
    (tmp_path / "mine.py").write_text(JOB, encoding="utf-8")
    return tmp_path


@pytest.fixture
def run(project: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Give a function that runs one command line in the project."""

    def call(*words: str | bytes, **options: Any) -> subprocess.CompletedProcess[str]:
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        return subprocess.run(
            [sys.executable, "-m", "brevetti_hydra", *words],
            check=False,
            **{"cwd": project, "text": True, **streams, **options},
        )

    return call


@pytest.mark.parametrize(
    "words",
    [(b"run.name=\xff",), (b"run.root=runs\xff",), (b"run.note=\xff",)],
)
def test_bytes_that_are_no_utf8(
    run: Callable[..., Any], project: Path, words: tuple[bytes, ...]
) -> None:
    """Names of other bytes are spelled in the record, which stays readable."""
    done = run("job=mine:MyJob", *words)

    roots = [path for path in project.iterdir() if path.name.startswith("runs")]
    assert (0, 1) == (done.returncode, len(roots))
    (record,) = list_runs(roots[0])
    assert "completed" == record.state.value
    assert "\\udcff" in " ".join(record.command)
    listed = run("runs", "--json", "--root", os.fsencode(roots[0]))
    assert 0 == listed.returncode
    assert record.run_id == json.loads(listed.stdout)["result"]["runs"][0]["run_id"]


def test_a_name_of_the_platform_that_is_no_utf8(run: Callable[..., Any], project: Path) -> None:
    """A lone surrogate in info.json is spelled as well, or refused; the list goes on."""
    info = r'{"id": "1", "name": "a \ud800 b", "settings": {}, "datasets": []}'
    (project / "info.json").write_text(info, encoding="utf-8")

    done = run("job=mine:MyJob", "--info_file", "info.json")

    assert "internal-error" not in done.stderr
    assert 0 == run("runs").returncode


@pytest.mark.parametrize(
    ("end", "message"),
    [("surrogate", "bad \\udcff text"), ("mute", "<its text cannot be read: RuntimeError>")],
)
def test_exceptions_that_are_hard_to_tell(
    run: Callable[..., Any], project: Path, end: str, message: str
) -> None:
    """The record says what failed whatever the exception's text is."""
    done = run("job=mine:MyJob", f"end={end}")

    (record,) = list_runs(project / "runs")
    assert (1, "failed") == (done.returncode, record.state.value)
    assert record.failure is not None
    assert message == record.failure.message
    assert "mine.py" in record.failure.traceback
    assert f"{message}\n  --> mine.py:" in done.stderr


@pytest.mark.parametrize(
    ("end", "code", "told"),
    [
        ("child raises", 1, "ValueError: of the child"),
        ("child returns", 1, "error[not-owner]"),
        ("child leaves", 7, ""),
    ],
)
def test_a_forked_child_tells_nothing_of_the_run(
    run: Callable[..., Any], end: str, code: int, told: str
) -> None:
    """A child that comes back from run() ends there: one document, one summary."""
    documented = run("--json", "job=mine:MyJob", f"end={end}")
    summed = run("job=mine:MyJob", f"end={end}")

    assert {"code": code} == json.loads(documented.stdout)["result"]["run"]["metrics"]
    assert told in documented.stderr
    assert 1 == summed.stdout.count("  again ")


def test_a_thread_prints_behind_the_document(run: Callable[..., Any]) -> None:
    """What is printed after run() goes to stderr; stdout is one document to the last byte."""
    done = run("--json", "job=mine:MyJob", "end=thread")

    assert "completed" == json.loads(done.stdout)["result"]["run"]["state"]
    assert ["late", "later"] == done.stderr.splitlines()[-2:]


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_lines_of_the_harness_stand_alone(
    run: Callable[..., Any], project: Path, unbuffered: str
) -> None:
    """Progress and traceback come after what the job printed before, each on its own line."""
    environment = os.environ | {"PYTHONUNBUFFERED": unbuffered}
    done = run("job=mine:MyJob", "end=unfinished line", env=environment, stderr=subprocess.STDOUT)

    lines = done.stdout.splitlines()
    assert ["tok 1", "epoch 1  loss=1", "tok 2", "epoch 2  loss=1", "last"] == lines[1:6]
    assert "Traceback (most recent call last):" == lines[6]
    (log,) = (project / "runs").glob("*/run.log")
    assert ["tok 1tok 2last", lines[6]] == log.read_text(encoding="utf-8").splitlines()[:2]


def test_one_masked_value_as_document(run: Callable[..., Any]) -> None:
    """A secret alone is a text of asterisks, in YAML and in the document."""
    words = ("job=mine:MyJob", "token=canary123", "--cfg", "job", "-p", "token")
    shown, documented = run(*words), run("--json", *words)

    assert (0, "# @package token\n'**********'\n") == (shown.returncode, shown.stdout)
    assert "**********" == json.loads(documented.stdout)["result"]["config"]


@pytest.mark.parametrize("words", [("runs",), ("job=hello",), ("--json", "runs")])
def test_a_deleted_working_directory(
    run: Callable[..., Any], project: Path, words: tuple[str, ...]
) -> None:
    """It is named; exit code 2."""
    gone = project / "gone"
    gone.mkdir()
    removed = (
        f"import os, sys; os.rmdir(os.getcwd()); "
        f"os.execv(sys.executable, [sys.executable, '-m', 'brevetti_hydra', *{list(words)!r}])"
    )
    done = subprocess.run(
        [sys.executable, "-c", removed], cwd=gone, capture_output=True, text=True, check=False
    )

    assert 2 == done.returncode
    assert done.stderr.startswith("error[usage]: the working directory does not exist any more\n")


@pytest.mark.parametrize(
    "words",
    [
        ("job=mine:MyJob",),
        ("--json", "job=mine:MyJob"),
        ("runs", "--csv"),
        ("runs", "--json"),
        ("--version",),
    ],
)
def test_a_full_disk_behind_stdout(run: Callable[..., Any], words: tuple[str, ...]) -> None:
    """It is told once, without a traceback, and is no success."""
    with open("/dev/full", "w", encoding="utf-8") as full:  # noqa: PTH123 - a device
        done = run(*words, stdout=full)

    assert 2 == done.returncode
    assert 1 == done.stderr.count("error[storage-unwritable]: cannot write to stdout\n")
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("words", ["job=mine:MyJob", "--json job=mine:MyJob", "runs", "--help"])
def test_a_closed_stdout(project: Path, words: str) -> None:
    """What is said goes nowhere; the work is done."""
    line = f"{shlex.quote(sys.executable)} -m brevetti_hydra {words} >&-"
    done = subprocess.run(
        ["/bin/sh", "-c", line], cwd=project, stderr=subprocess.PIPE, text=True, check=False
    )

    assert 0 == done.returncode, done.stderr
    assert "Traceback" not in done.stderr


def test_a_link_that_leads_to_itself(run: Callable[..., Any], project: Path) -> None:
    """In conf/ it is no group, and no reason to fail."""
    (project / "conf").mkdir()
    (project / "conf" / "loop").symlink_to("loop")

    assert [0, 0] == [run("--help").returncode, run("job=mine:MyJob").returncode]


def test_a_module_that_exits_at_import(run: Callable[..., Any], project: Path) -> None:
    """The import is what failed; exit code 2."""
    (project / "leaving.py").write_text("import sys\nsys.exit(3)\n", encoding="utf-8")

    done = run("job=leaving:MyJob")

    assert 2 == done.returncode
    assert done.stderr.startswith("error[target-not-found]: the import of 'leaving' failed\n")


def test_nothing_was_run_for_want_of_a_folder(run: Callable[..., Any]) -> None:
    """A run root that cannot be made is the user's to mend: exit code 2."""
    done = run("job=mine:MyJob", "run.root=pyproject.toml/runs")

    assert (2, "") == (done.returncode, done.stdout)
    assert done.stderr.startswith("error[storage-unwritable]: cannot write '")


def test_printed_commands_know_the_root(run: Callable[..., Any], project: Path) -> None:
    """Where the run lies elsewhere, the printed commands say so, and can be pasted."""
    done = run("job=mine:MyJob", "end=mute", "run.root=my other runs")

    lines = dict(line.split(maxsplit=1) for line in done.stdout.splitlines()[1:])
    words = shlex.split(lines["more"])
    assert ["--root", "my other runs"] == words[-2:]
    assert 0 == run(*words[1:]).returncode
    assert "--root" not in run("job=mine:MyJob").stdout


def test_a_home_is_expanded(run: Callable[..., Any], project: Path) -> None:
    """No shell does it behind '=', nor in a variable that is quoted."""
    home = project / "home"
    environment = os.environ | {"HOME": str(home)}

    run("job=mine:MyJob", "run.root=~/a", env=environment)
    run("job=mine:MyJob", env=environment | {"BREVETTI_HYDRA_RUNS": "~/b"})

    assert ["a", "b"] == sorted(path.name for path in home.iterdir())
    assert not (project / "~").exists()


@pytest.mark.parametrize(
    "word", ["a\nb", "it's\n\\", "\x1b[2J1", "tab\there", "ü\x07", "plain", "a b", "$x\n"]
)
def test_commands_can_be_pasted(word: str) -> None:
    """A command line is one printable line that a shell reads as the same words."""
    line = format_command(["printf", "%s", word])

    done = subprocess.run(["bash", "-c", line], capture_output=True, check=True)
    assert line.isprintable()
    assert word == done.stdout.decode()


@pytest.mark.parametrize("content", ["{", None])
@pytest.mark.parametrize("by", ["name", "path", "id"])
def test_damaged_runs_can_be_removed(
    call: Callable[..., Any],
    make_run: Callable[..., Any],
    content: str | None,
    by: str,
) -> None:
    """A record that is torn or gone is no reason to keep the folder."""
    folder: RunFolder = make_run()
    folder.journal.unlink(missing_ok=True)
    folder.record.unlink()
    if content is not None:
        folder.record.write_text(content, encoding="utf-8")
    text = {"name": folder.name, "path": str(folder.root), "id": folder.short_id}[by]

    answer = call("rm", text, "--yes")

    assert (0, False) == (answer.code, folder.root.exists()), answer.err


def test_a_claimed_run_without_record_stays(
    call: Callable[..., Any], make_run: Callable[..., Any]
) -> None:
    """Its process is alive: nobody takes the folder away from it."""
    folder: RunFolder = make_run()
    folder.record.write_text("{", encoding="utf-8")
    folder.claim.write_text(json.dumps({"attempt": 1, "pid": os.getpid()}), encoding="utf-8")

    answer = call("rm", folder.name, "--yes")

    assert (2, True) == (answer.code, folder.root.exists())


def test_the_loser_of_two_resumes_tells_no_summary(run: Callable[..., Any], project: Path) -> None:
    """A run that this process did not take up is not its own to tell of."""
    run("job=mine:MyJob", "end=mute")
    (record,) = list_runs(project / "runs")
    lose = (
        "import sys\n"
        "from brevetti_hydra.cli.main import main\n"
        "from brevetti_hydra.errors import WrongStateError\n"
        "import brevetti_hydra.run.session as session\n"
        "def taken(*_):\n"
        "    raise WrongStateError('another has it')\n"
        "session.take_run = taken\n"
        f"sys.exit(main(['resume', {record.folder!r}]))\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", lose], cwd=project, capture_output=True, text=True, check=False
    )

    assert (2, "") == (done.returncode, done.stdout), done.stderr
    assert done.stderr.startswith("error[wrong-state]: another has it\n")


@pytest.mark.parametrize("option", [[], ["-u"]])
def test_a_script_whose_reader_is_gone(project: Path, option: list[str]) -> None:
    """`python sample.py -c job | head -0` ends without a word."""
    script = "import mine\nif __name__ == '__main__':\n    mine.MyJob.init().start()\n"
    (project / "sample.py").write_text(script, encoding="utf-8")
    reader, writer = os.pipe()
    os.close(reader)

    done = subprocess.run(
        [sys.executable, *option, "sample.py", "-c", "job"],
        cwd=project,
        stdout=writer,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    os.close(writer)

    assert (0, "") == (done.returncode, done.stderr)
