"""Which classes configuration may load, and that nothing else is touched."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from brevetti_hydra.config.safety.targets import is_target

if TYPE_CHECKING:
    from pathlib import Path

JOB = """
from brevetti_hydra import Job, JobSettings
class S(JobSettings):
    lr: float = 1.0
class MyJob(Job):
    settings: S
class Outer:
    Inner = MyJob
"""


@pytest.fixture
def canary(tmp_path: Path) -> Path:
    """A file that appears when a module that is written by `bait` is imported."""
    return tmp_path / "the module was imported"


def bait(canary: Path) -> str:
    return f"import pathlib\npathlib.Path({str(canary)!r}).touch()\n{JOB}"


def package(project: Any, folder: str, canary: Path, name: str = "pkg") -> Path:
    """Write a package whose every module is a bait."""
    project.write(
        {
            f"{folder}/{name}/__init__.py": bait(canary),
            f"{folder}/{name}/sub/__init__.py": bait(canary),
            f"{folder}/{name}/sub/mod.py": bait(canary),
            f"{folder}/{name}/conf/g/a.yaml": "label: x\n",
        }
    )
    path: Path = project.folder / folder
    return path


@pytest.mark.parametrize(
    ("target", "file"),
    [
        ("train:MyJob", "train.py"),
        ("train.MyJob", "train.py"),
        ("train:Outer.Inner", "train.py"),
        ("pack:MyJob", "pack/__init__.py"),
        ("pack.mod:MyJob", "pack/mod.py"),
        ("pack.mod.MyJob", "pack/mod.py"),
        ("names.pace.mod:MyJob", "names/pace/mod.py"),
        ("deep:MyJob", "src/deep.py"),
        ("deep2.mod:MyJob", "src/deep2/mod.py"),
        ("日本:MyJob", "日本.py"),
    ],
)
@pytest.mark.parametrize("way", ["job=", "job._target_=", "file"])
def test_classes_of_the_project_are_loaded(target: str, file: str, way: str, project: Any) -> None:
    """Modules, packages, namespace packages and a src/ folder, by option, key and file."""
    files = {"pyproject.toml": "", file: JOB}
    if file == "pack/mod.py":
        files["pack/__init__.py"] = ""
    project.write(files | {"conf/job/j.yaml": f"_target_: {target}\n"})
    if way != "file" and not target.isascii():
        return  # the grammar cannot spell it; YAML can

    composition = project.compose("job=j" if way == "file" else way + target)

    module = sys.modules[composition.job_class.__module__]
    assert str(project.folder / file) == module.__file__
    assert {"lr": 1.0} == {"lr": composition.tree["lr"]}


def test_the_project_lies_above_the_working_directory(project: Any) -> None:
    """A command that is started in a sub-folder finds the same classes."""
    project.write({"pyproject.toml": "", "train.py": JOB, "a/b/x": ""})
    project.folder = project.folder / "a" / "b"

    assert "train:MyJob" == project.compose("job=train:MyJob").target


@pytest.mark.parametrize(
    "folder",
    [
        "site-packages",
        "lib/python3.11/site-packages",
        "lib/python3/dist-packages",
        ".venv/lib/python3.11/site-packages",
        "my environment/anything",
    ],
)
@pytest.mark.parametrize("target", ["pkg:MyJob", "pkg.sub:MyJob", "pkg.sub.mod.MyJob"])
@pytest.mark.parametrize("is_on_path", [True, False])
def test_what_is_installed_is_refused_untouched(
    folder: str,
    target: str,
    is_on_path: bool,
    project: Any,
    canary: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A package of an environment, also of one inside the project, is not imported for a look."""
    environment = package(project, folder, canary)
    project.write({"pyproject.toml": "", ".venv/pyvenv.cfg": "", "my environment/pyvenv.cfg": ""})
    if is_on_path:
        monkeypatch.syspath_prepend(environment)

    text = project.error(f"job={target}")

    expected = "error[target-refused]" if is_on_path else "error[target-not-found]"
    assert text.startswith(expected)
    assert not canary.exists()
    assert not {name for name in sys.modules if name.partition(".")[0] == "pkg"}


@pytest.mark.parametrize("folder", ["lib/site-packages", ".venv/lib", "outside"])
def test_a_search_path_does_not_import(
    folder: str, project: Any, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`pkg://` obeys the same rule, on the line and in the primary config."""
    project.write({"pyproject.toml": "", ".venv/pyvenv.cfg": ""})
    environment = package(project, f"../{folder}" if folder == "outside" else folder, canary)
    monkeypatch.syspath_prepend(environment)

    for name in ("pkg", "pkg.sub", "pkg.conf", "pkg/conf"):
        line = project.error(f"hydra.searchpath=[pkg://{name}]", settings="Demo")
        assert line.startswith("error[target-refused]")
    project.write({"conf/brevetti.yaml": "hydra: {searchpath: ['pkg://pkg.sub']}\n"})
    assert project.error(settings="Demo").startswith("error[target-refused]")
    assert not canary.exists()


@pytest.mark.parametrize(
    "target",
    [
        "subprocess:Popen",
        "os.system",
        "os:system",
        "builtins:eval",
        "sys:exit",
        "posix:system",
        "importlib:import_module",
        "yaml:Loader",
        "pytest:main",
        "brevetti_hydra.config:Request",
        "brevetti_hydra:Job",
    ],
)
@pytest.mark.parametrize("way", ["job=", "job._target_=", "--job._target_=", "file"])
def test_functions_and_foreign_classes_are_refused(target: str, way: str, project: Any) -> None:
    """Nothing of the standard library, of what is installed, or of the harness's own parts."""
    project.write({"pyproject.toml": "", "conf/job/j.yaml": f"_target_: {target}\n"})

    text = project.error("job=j" if way == "file" else way + target)

    assert text.startswith("error[target-refused]")


@pytest.mark.parametrize("target", ["outer:MyJob", "outer.deep:MyJob"])
@pytest.mark.parametrize(
    ("patterns", "is_allowed"),
    [('["outer", "outer.*"]', True), ('["*"]', True), ('["oute"]', False), ("[]", False)],
)
def test_patterns_open_what_is_installed(
    target: str,
    patterns: str,
    is_allowed: bool,
    project: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`[tool.brevetti_hydra] jobs` names modules outside of the project."""
    project.write(
        {
            "pyproject.toml": f"[tool.brevetti_hydra]\njobs = {patterns}\n",
            "../elsewhere/outer/__init__.py": JOB,
            "../elsewhere/outer/deep.py": JOB,
        }
    )
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")

    if is_allowed:
        assert target == project.compose(f"job={target}").target
    else:
        assert project.error(f"job={target}").startswith("error[target-refused]")


@pytest.mark.parametrize("target", ["outer:MyJob", "outer.MyJob"])
def test_entry_points_open_what_is_installed(
    target: str, project: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A class in the group `brevetti_hydra.jobs` may be named; its module's others may not."""
    project.write(
        {
            "pyproject.toml": "",
            "../elsewhere/outer.py": JOB,
            "../elsewhere/outer-1.0.dist-info/METADATA": "Name: outer\nVersion: 1.0\n",
            "../elsewhere/outer-1.0.dist-info/entry_points.txt": (
                "[brevetti_hydra.jobs]\nmine = outer:MyJob\n"
            ),
        }
    )
    monkeypatch.syspath_prepend(tmp_path / "elsewhere")

    assert "MyJob" == project.compose(f"job={target}").job_class.__name__
    assert project.error("job=outer:Outer.Inner").startswith("error[target-refused]")


def test_the_project_goes_before_an_installed_module(
    project: Any, tmp_path: Path, canary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A module of the project whose name is also installed is the one that is imported."""
    monkeypatch.syspath_prepend(package(project, "../elsewhere", canary, "twice"))
    project.write({"pyproject.toml": "", "twice/__init__.py": JOB})

    composition = project.compose("job=twice:MyJob")

    assert str(project.folder) in str(sys.modules["twice"].__file__)
    assert "twice:MyJob" == composition.target
    assert not canary.exists()


def test_a_loaded_module_of_the_name_is_not_mistaken(project: Any, canary: Path) -> None:
    """Where an installed module of the project's name is loaded already, none of it is used."""
    project.write({"pyproject.toml": "", "yaml/__init__.py": JOB, "yaml/mod.py": bait(canary)})

    for target in ("yaml:MyJob", "yaml.mod:MyJob"):
        text = project.error(f"job={target}")
        assert text.startswith(("error[target-not-found]", "error[target-refused]"))
    assert not canary.exists()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("import nothere_at_all\n", "ModuleNotFoundError: No module named 'nothere_at_all'"),
        ("def\n", "SyntaxError"),
        ("raise SystemExit(3)\n", "SystemExit: 3"),
        ("1 / 0\n", "ZeroDivisionError: division by zero"),
        ("import train\ntrain.x\n", "AttributeError"),
    ],
)
def test_a_broken_module_is_named(text: str, expected: str, project: Any) -> None:
    """What its import raised stands in the report, not in a traceback."""
    project.write({"pyproject.toml": "", "train.py": text})

    found = project.error("job=train:MyJob")

    assert "error[target-not-found]: the import of 'train' failed" in found
    assert expected in found


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("train:MyJb", "target-not-found"),
        ("train:lr", "target-not-found"),
        ("train:Outer.Iner", "target-not-found"),
        ("trian:MyJob", "target-not-found"),
        ("train.sub:MyJob", "target-not-found"),
        ("train:S", "not-a-job"),
        ("train:Job", "not-a-job"),
        ("train:__doc__", "not-a-job"),
        ("train:__name__", "not-a-job"),
        ("train:Outer.__init__", "not-a-job"),
    ],
)
def test_what_is_no_job_is_said(target: str, code: str, project: Any) -> None:
    """A missing module or class, another class, the base class itself, and no class at all."""
    project.write({"pyproject.toml": "", "train.py": JOB})

    assert project.error(f"job={target}").startswith(f"error[{code}]")


@pytest.mark.parametrize(
    "value", ["[1]", "{a: 1}", "null", "''", "x", "a b:C", "${x}", "3", "a:b:c"]
)
def test_what_names_no_class_is_said(value: str, project: Any) -> None:
    """Values of `job._target_` that are no name end in a report."""
    project.write({"pyproject.toml": "", "conf/job/j.yaml": f"_target_: {value}\n"})

    for argv in (["job=j"], [f"job._target_={value}"]):
        text = project.error(*argv)
        assert text.startswith(("error[target-not-found]", "error[no-job-chosen]"))


BOMB = "bomb.Bomb"


@pytest.mark.parametrize(
    ("argv", "text", "sent", "place"),
    [
        ([f"model._target_={BOMB}"], "", None, "argument 1: model._target_="),
        ([f"weights._target_={BOMB}"], "", None, "argument 1: weights._target_="),
        (["weights={_target_: bomb.Bomb}"], "", None, "argument 1: weights="),
        (["boxes=[{hidden: 3}, {_target_: bomb.Bomb}]"], "", None, "argument 1: boxes="),
        (["nodes={a: {_target_: bomb.Bomb}}"], "", None, "argument 1: nodes="),
        ([f"+_target_={BOMB}"], "", None, "argument 1: +_target_="),
        ([f"run._target_={BOMB}"], "", None, "argument 1: run._target_="),
        ([f"platform._target_={BOMB}"], "", None, "argument 1: platform._target_="),
        ([f"job.datasets.x._target_={BOMB}"], "", None, "argument 1: job.datasets.x."),
        (["job.datasets.x={bucket: b, _target_: y}"], "", None, "argument 1: job.datasets.x="),
        (["--weights", '{"_target_": "bomb.Bomb"}'], "", None, "argument 1: --weights"),
        ([f"--weights._target_={BOMB}"], "", None, "argument 1: --weights._target_="),
        ([f"weights['_target_']={BOMB}"], "", None, "argument 1: weights['_target_']="),
        ([], "model: {_target_: bomb.Bomb}\n", None, "conf/brevetti.yaml:1:9"),
        ([], "weights:\n  _target_: bomb.Bomb\n", None, "conf/brevetti.yaml:2:3"),
        ([], "boxes:\n- hidden: 1\n- _target_: bomb.Bomb\n", None, "conf/brevetti.yaml:3:"),
        ([], "nodes:\n  a:\n    _target_: bomb.Bomb\n", None, "conf/brevetti.yaml:3:5"),
        ([], "job:\n  datasets:\n    x: {_target_: y}\n", None, "conf/brevetti.yaml:3:9"),
        (["~model"], "model: {_target_: bomb.Bomb}\n", None, "conf/brevetti.yaml:1:9"),
        ([], "", {"model": {"_target_": BOMB}}, "info.json: settings.model._target_"),
        ([], "", {"_target_": BOMB}, "info.json: settings._target_"),
        ([], "", {"boxes": [{"_target_": BOMB}]}, "info.json: settings.boxes[0]._target_"),
        ([], "", {"boxes": '[{"_target_": "x"}]'}, "info.json: settings.boxes[0]._target_"),
    ],
)
def test_a_target_anywhere_else_is_refused(
    argv: list[str], text: str, sent: dict[str, Any] | None, place: str, project: Any
) -> None:
    """In models, dict fields, lists, datasets, reserved nodes, by every layer; nothing is loaded."""
    bomb = "import pathlib\npathlib.Path(__file__).with_name('loaded').touch()\nclass Bomb: pass\n"
    project.write({"conf/brevetti.yaml": text, "bomb.py": bomb})

    report = project.error(
        *argv, settings="Demo", info=None if sent is None else {"name": "x", "settings": sent}
    )

    assert report.startswith("error[target-refused]: ")
    assert f"  --> {place}" in report
    assert not (project.folder / "loaded").exists()


@pytest.mark.parametrize(
    ("argv", "text"),
    [
        (["hydra.callbacks.x._target_=bomb.Bomb"], ""),
        (["hydra.callbacks={x: {_target_: bomb.Bomb}}"], ""),
        (["--hydra.callbacks.x._target_=bomb.Bomb"], ""),
        (["hydra.launcher._target_=bomb.Bomb"], ""),
        ([], "hydra:\n  callbacks:\n    x: {_target_: bomb.Bomb}\n"),
        ([], "hydra:\n  launcher: {_target_: bomb.Bomb}\n"),
    ],
)
def test_callbacks_and_targets_of_hydra_are_refused(
    argv: list[str], text: str, project: Any
) -> None:
    """What Hydra would load for itself is refused with the key that says so."""
    project.write({"conf/brevetti.yaml": text, "bomb.py": "raise RuntimeError"})

    report = project.error(*argv, settings="Demo")

    assert report.startswith("error[refused-hydra-key]: 'hydra.")
    assert "bomb" not in sys.modules


def test_a_target_in_a_file_of_a_group_is_refused(project: Any) -> None:
    """A package header moves a file's keys; the place is that of the file."""
    project.write(
        {
            "conf/brevetti.yaml": "defaults: [g: a]\n",
            "conf/g/a.yaml": "# @package model\n_target_: bomb.Bomb\n",
        }
    )

    report = project.error(settings="Demo")

    assert "'model._target_' names what is to be loaded" in report
    assert "  --> conf/g/a.yaml:2:1" in report


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a:B", True),
        ("a.b:C", True),
        ("a.b.C", True),
        ("a:B.C", True),
        ("a", False),
        ("", False),
        (":B", False),
        ("a:", False),
        ("a-b:C", False),
        ("a..b:C", False),
        ("../a:C", False),
        ("a:b:C", False),
        ("a b:C", False),
        ("a/b.yaml", False),
    ],
)
def test_targets_are_known_by_their_form(text: str, expected: bool) -> None:
    """`pkg.mod:Class` and `pkg.mod.Class`, made of identifiers."""
    assert expected is is_target(text)
