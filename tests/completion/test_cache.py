"""The cache: what makes it stale, what damages it, who writes it, and that nothing is imported."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.completion import cache
from brevetti_hydra.completion.describe import shipped_document
from brevetti_hydra.completion.tables import shipped

if TYPE_CHECKING:
    from tests.completion.conftest import Project

HEAVY = {
    "antlr4",
    "fsspec",
    "hydra",
    "omegaconf",
    "pathlib",
    "pydantic",
    "yaml",
    "rich",
    "argparse",
}
LINES = [["job=mine", "net."], ["job=m"], [""], ["show", ""]]


def test_the_shipped_file_is_up_to_date(repository: Path) -> None:
    """`shipped.json` says what commands, flags and shipped classes are."""
    # Write it anew with
    #   python -m brevetti_hydra.completion.describe > brevetti_hydra/completion/shipped.json
    assert json.loads(json.dumps(shipped_document())) == shipped()


@pytest.mark.parametrize("line", ["job=mine net.", "job=classifier ", "show ", "job=mine folder="])
def test_a_query_imports_nothing_heavy(project: Project, line: str) -> None:
    """With a valid cache a query imports neither a heavy library nor a parser nor the user's job."""
    code = (
        "import sys; from brevetti_hydra.completion.query import main; "
        f"main(['bash', 'script', 'x {line}', '=:']); "
        "sys.stderr.write(','.join(sys.modules))"
    )
    _, result = [
        subprocess.run(
            [sys.executable, "-c", code],
            cwd=project.folder,
            env={**project.environ, "MARK": str(project.folder / "imported")},
            capture_output=True,
            text=True,
            check=True,
        )
        for _ in range(2)
    ]
    modules = set(result.stderr.split(","))

    assert "" != result.stdout
    assert set() == modules & {*HEAVY, "ast", "train"}
    assert not (project.folder / "imported").exists()


def test_a_changed_class_is_seen(project: Project) -> None:
    """After an edit the class's new keys are offered, without importing it."""
    assert ["net.hidden=", "net.drop="] == project.offered("job=mine", "net.")
    text = (project.folder / "train.py").read_text()
    project.write({"train.py": text.replace("hidden: int", "units: int")})

    assert ["net.units=", "net.drop="] == project.offered("job=mine", "net.")


def test_a_changed_module_that_the_class_builds_on_is_seen(project: Project) -> None:
    """Settings may stand in several modules of the project; each one counts."""
    project.write(
        {
            "src/pkg/__init__.py": "",
            "src/pkg/nets.py": "class Net:\n    depth: int = 2\n",
            "src/pkg/job.py": (
                "from brevetti_hydra import Job, JobSettings\n"
                "from .nets import Net as Network\n"
                "class S(JobSettings):\n    net: 'Network' = None\n"
                "class MyJob(Job):\n    settings: 'S'\n"
            ),
        }
    )
    assert ["net.depth="] == project.offered("job=pkg.job:MyJob", "net.")
    project.write({"src/pkg/nets.py": "class Net:\n    width: int = 20\n"})

    assert ["net.width="] == project.offered("job=pkg.job:MyJob", "net.")
    assert ["job=pkg.job:"] == project.offered("job=pkg.")


def test_a_changed_option_is_seen(project: Project) -> None:
    """New, changed and removed files of a group are seen at the next query."""
    assert ["job=mine"] == project.offered("job=m")
    project.write({"conf/job/more.yaml": "# More.\n", "conf/job/mine.yaml": "# Changed.\n"})

    assert {"job=mine": "Changed.", "job=more": "More."} == project.about("job=m")
    (project.folder / "conf/job/mine.yaml").unlink()
    assert ["job=more"] == project.offered("job=m")


def test_a_run_leaves_what_the_class_says(project: Project) -> None:
    """A run writes the class down where somebody completes, and not again while nothing changed."""
    assert 0 == project.run("brevetti_hydra", "job=mine", "title=x").returncode
    assert not project.cache.exists()
    project.run("brevetti_hydra.completion", "bash", "script", "x ", "=")
    assert project.cache.is_dir()

    assert 0 == project.run("brevetti_hydra", "job=mine", "title=x").returncode
    [path] = project.kept("class")
    written = path.stat().st_mtime_ns
    assert "'adam' | 'sgd'" in project.about("job=mine", "optim.k")["optim.kind="]
    assert 0 == project.run("brevetti_hydra", "job=mine", "--help").returncode
    assert written == path.stat().st_mtime_ns


@pytest.mark.parametrize("words", [["job=mine", "--help"], ["job=mine", "--cfg", "job"]])
def test_help_leaves_what_the_class_says(project: Project, words: list[str]) -> None:
    """What is only looked at is written down as well."""
    project.cache.mkdir(parents=True)

    assert 0 == project.run("brevetti_hydra", *words).returncode
    assert 1 == len(project.kept("class"))


def test_a_cache_that_cannot_be_written_fails_nothing(project: Project, tmp_path: Path) -> None:
    """A file in the cache's place costs neither candidates nor a run."""
    blocked = tmp_path / "blocked"
    blocked.write_text("")
    project.environ["BREVETTI_HYDRA_CACHE"] = str(blocked)

    assert ["net.hidden=", "net.drop="] == project.offered("job=mine", "net.")
    assert 0 == project.run("brevetti_hydra", "job=mine", "title=x").returncode
    query = project.run("brevetti_hydra.completion", "bash", "script", "x job=m", "=")
    assert ("closed\nmine\n", "") == (query.stdout, query.stderr)


@pytest.mark.parametrize(
    "content", ["", "{", "[]", "null", '{"head": 1}', "[" * 100_000, "\0", "\xff"]
)
def test_a_damaged_cache_is_made_anew(project: Project, content: str) -> None:
    """Files that are no JSON of ours are replaced."""
    expected = [project.offered(*line) for line in LINES]
    for path in project.cache.iterdir():
        path.write_text(content, encoding="latin-1")

    assert expected == [project.offered(*line) for line in LINES]
    for path in project.cache.iterdir():
        assert path.read_text(encoding="latin-1") != content


def _damaged(value: Any) -> list[Any]:
    """Give copies of a JSON value in which one part is of another type."""
    found: list[Any] = [3, [], {}, None, "x"]
    if isinstance(value, dict):
        for key, inner in list(value.items())[:8]:
            found += [{**value, key: each} for each in _damaged(inner)[:40]]
    elif isinstance(value, list):
        for index, inner in enumerate(value[:3]):
            found += [[*value[:index], each, *value[index + 1 :]] for each in _damaged(inner)[:5]]
    return found


def test_a_cache_of_odd_types_is_passed_over(project: Project) -> None:
    """JSON of the right form whose parts are wrong costs no answer and prints nothing."""
    project.offered("job=mine", "")
    [path] = project.kept("class")
    whole = json.loads(path.read_bytes())

    for body in _damaged(whole["body"]):
        path.write_text(json.dumps({**whole, "body": body}))
        told = project.bash("x job=mine net.")
        assert (told or "").startswith("closed\n")


def test_two_queries_at_once(project: Project) -> None:
    """Processes that write the same files at once leave whole ones."""
    command = [sys.executable, "-m", "brevetti_hydra.completion", "bash", "script", "x job=", "="]
    started = [
        subprocess.Popen(
            command, cwd=project.folder, env=project.environ, stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    answers = {process.communicate()[0] for process in started}

    assert {"closed\nclassifier\nhello\nmine\n"} == answers
    assert [] == [path for path in project.cache.iterdir() if path.suffix != ".json"]


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"BREVETTI_HYDRA_CACHE": "/c"}, "/c/completion"),
        ({"XDG_CACHE_HOME": "/x"}, "/x/brevetti_hydra/completion"),
        ({"XDG_CACHE_HOME": "relative"}, "HOME/.cache/brevetti_hydra/completion"),
        ({}, "HOME/.cache/brevetti_hydra/completion"),
    ],
)
@pytest.mark.skipif(sys.platform != "linux", reason="macOS and Windows have folders of their own")
def test_where_the_cache_lies(environ: dict[str, str], expected: str) -> None:
    """The cache lies where the variables and the system say."""
    assert expected.replace("HOME", str(Path.home())) == cache.cache_folder(environ)


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["bash"],
        ["bash", "script"],
        ["zsh", "script"],
        ["fish", "python", ""],
        ["bash", "script", "x job=\udcff", "="],
    ],
)
def test_a_query_is_always_silent(project: Project, argv: list[str]) -> None:
    """Whatever a shell asks, nothing is said on stderr."""
    query = project.run("brevetti_hydra.completion", *argv)

    assert "" == query.stderr


def test_modules_of_the_folder_are_not_imported(project: Project) -> None:
    """A TAB runs no module that lies in the working directory, whatever its name is."""
    project.write(dict.fromkeys(("json.py", "re.py", "ast.py"), "raise SystemExit('run')\n"))
    command = ["-P", "-m", "brevetti_hydra.completion", "bash", "script", "x job=mine net.h", "="]
    query = subprocess.run(
        [sys.executable, *command],
        cwd=project.folder,
        env=project.environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (0, "open\nnet.hidden=\n", "") == (query.returncode, query.stdout, query.stderr)
