"""What config/_hydra.py expects of Hydra and OmegaConf: names, signatures, behaviour."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import pytest
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, QuotedString
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf
from omegaconf.errors import InterpolationKeyError
from omegaconf.grammar_parser import parse

from brevetti_hydra.config import _hydra, _omegaconf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from hydra.core.object_type import ObjectType


IS_HYDRA_14 = version("hydra-core").startswith("1.4")


def parameters(function: Callable[..., Any]) -> list[str]:
    return [name for name in inspect.signature(function).parameters if name != "self"]


class Files(ConfigSource):
    """A source of defaults lists that stand in a dict."""

    def __init__(self, files: dict[str, Any]) -> None:
        self.provider, self.path, self.files = "test", "", files

    @staticmethod
    def scheme() -> str:
        return "file"

    def available(self) -> bool:
        return True

    def is_group(self, config_path: str) -> bool:
        return any(name.startswith(f"{config_path}/") for name in self.files)

    def is_config(self, config_path: str) -> bool:
        return config_path in self.files

    def list(self, config_path: str, results_filter: ObjectType | None) -> list[str]:
        return []

    def load_config(self, config_path: str) -> ConfigResult:
        defaults, package = self.files[config_path]
        return _hydra.defaults_result("test", "", defaults, package)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (ConfigRepository.load_config, ["config_path"]),
        (ConfigRepository.group_exists, ["config_path"]),
        (ConfigRepository.config_exists, ["config_path"]),
        (ConfigRepository.get_group_options, ["group_name", "results_filter"]),
        (ConfigRepository.get_sources, []),
        (ConfigRepository._find_object_source, ["config_path", "object_type"]),
        (OverridesParser.create, ["config_loader"]),
        (OverridesParser.parse_overrides, ["overrides"]),
        (ConfigSource.load_config, ["config_path"]),
        (ConfigSource.is_group, ["config_path"]),
        (ConfigSource.is_config, ["config_path"]),
        (ConfigSource.list, ["config_path", "results_filter"]),
    ],
)
def test_signatures_are_those_that_are_called(
    function: Callable[..., Any], expected: list[str]
) -> None:
    """Hydra calls its sources with keywords, and is called with some itself."""
    assert expected == parameters(function)


def test_the_defaults_list_takes_what_it_is_given() -> None:
    """`create_defaults_list` knows every keyword that the door uses."""
    wanted = {"repo", "config_name", "overrides_list", "prepend_hydra", "skip_missing"}

    assert wanted <= set(parameters(create_defaults_list))


def test_a_config_result_holds_defaults_and_header() -> None:
    """`ConfigResult` takes the four keywords, and gives them back."""
    result = _hydra.defaults_result("provider", "path", [{"g": "a"}], "_global_")

    assert ("provider", "path", {"package": "_global_"}) == (
        result.provider,
        result.path,
        result.header,
    )
    assert {"defaults": [{"g": "a"}]} == OmegaConf.to_container(result.config)


def test_files_are_planned_in_order_with_package_and_parent() -> None:
    """The final defaults list names file, package and parent, lowest first."""
    files = Files(
        {
            "main": ([{"g": "a"}, "_self_", {"g@p": "b"}], None),
            "g/a": (["/other"], "_global_"),
            "g/b": (None, None),
            "other": (None, None),
        }
    )

    planned, choices = _hydra.plan_files(_hydra.Repository([files]), "main", [])

    expected = [("other", "", "g/a"), ("g/a", "", "main"), ("main", "", None), ("g/b", "p", "main")]
    assert expected == [tuple(file)[:3] for file in planned]
    assert [("g/a", 0), ("main", 0), None, ("main", 2)] == [file.pull for file in planned]
    assert {"g": "a", "g@p": "b"} == choices


def test_a_group_is_overridden_by_the_parsed_argument() -> None:
    """An override of the grammar changes the plan, and the known choices with it."""
    repository = _hydra.Repository(
        [Files({"main": ([{"g": "a"}], None), "g/a": (None, None), "g/b": (None, None)})]
    )

    planned, choices = _hydra.plan_files(repository, "main", [_hydra.parse_override("g=b")])

    assert ["main", "g/b"] == sorted((f.config_path for f in planned), reverse=True)
    assert {"g": "b"} == choices


def test_each_config_is_loaded_once() -> None:
    """The repository asks its sources once for each file, however often Hydra asks."""
    loaded: list[str] = []

    class Counting(Files):
        def load_config(self, config_path: str) -> ConfigResult:
            loaded.append(config_path)
            return super().load_config(config_path)

    repository = _hydra.Repository([Counting({"main": ([{"g": "a"}], None), "g/a": (None, None)})])
    for _ in range(2):
        _hydra.plan_files(repository, "main", [])

    assert ["g/a", "main"] == sorted(loaded)


def test_a_missing_config_names_itself() -> None:
    """The exception about a file that does not exist bears `missing_cfg_file`."""
    repository = _hydra.Repository([Files({"main": (["nothere"], None)})])

    with pytest.raises(_hydra.MissingConfigException) as caught:
        _hydra.plan_files(repository, "main", [])

    assert "nothere" == caught.value.missing_cfg_file


@pytest.mark.parametrize(
    ("defaults", "overrides", "expected"),
    [
        ([{"g": "???"}], [], "You must specify 'g', e.g, g=<OPTION>"),
        (
            [{"override g": "a"}],
            [],
            "In 'main': Invalid Defaults List override 'g: a'.\nNo earlier Group Default for 'g'"
            if IS_HYDRA_14
            else "In 'main': Could not override 'g'. No match in the defaults",
        ),
        ([{"g@p": "a"}], ["g=a"], "Could not override 'g'.\nDid you mean to override g@p?"),
        ([], ["~g"], "Could not delete 'g'. No match in the defaults list"),
        ([{"g": "a"}, {"g": "a"}], [], "g appears more than once in the final defaults list"),
        ([{"g": "a"}, {"g": "b"}], [], "Multiple values for g. To override a value use"),
        ([{"g": "${x}"}], [], "Error resolving interpolation '${x}'"),
    ],
)
def test_complaints_are_worded_as_they_are_read(
    defaults: list[Any], overrides: list[str], expected: str
) -> None:
    """What is translated into our errors is recognised by these words."""
    repository = _hydra.Repository(
        [Files({"main": (defaults, None), "g/a": (None, None), "g/b": (None, None)})]
    )

    with pytest.raises(_hydra.COMPOSITION_FAULTS) as caught:
        _hydra.plan_files(repository, "main", [_hydra.parse_override(o) for o in overrides])

    # Hydra 1.4 says of each in which file it is.
    said = str(caught.value)
    if not expected.startswith("In 'main'"):
        said = said.removeprefix("In 'main': ")
    assert expected == said[: len(expected)]


def test_lists_without_end_are_a_recursion_error() -> None:
    """Hydra does not look for circles itself."""
    repository = _hydra.Repository(
        [Files({"main": (["/g/a"], None), "g/a": (["/g/b"], None), "g/b": (["/g/a"], None)})]
    )

    with pytest.raises(RecursionError):
        _hydra.plan_files(repository, "main", [])


@pytest.mark.parametrize(
    ("text", "key", "value"),
    [
        ("lr=1e-3", "lr", 0.001),
        ("+a.b=[1,two]", "a.b", [1, "two"]),
        ("++g@p=x", "g", "x"),
        ("~k", "k", None),
        ("m={a/b:1}", "m", {"a/b": 1}),
        ("v='1.10'", "v", "1.10"),
        ("v=", "v", ""),
    ],
)
def test_the_grammar_reads_keys_and_values(text: str, key: str, value: object) -> None:
    """An override has `key_or_group` and `value()`."""
    parsed = _hydra.parse_override(text)

    assert (key, value) == (parsed.key_or_group, parsed.value())


@pytest.mark.parametrize("text", ["lr=", "w.my class=1", "lr=[", "v=!", "w[x]=1"])
def test_what_the_grammar_refuses_is_one_exception(text: str) -> None:
    """Each text either parses or raises the one exception that is translated.

    Hydra 1.4 reads `w[x]` as the path of a value; keys are split by the harness all the same.
    """
    try:
        parsed: Override | None = _hydra.parse_override(text)
    except _hydra.OverrideParseException:
        parsed = None

    accepted = {"lr=", "w[x]=1"} if IS_HYDRA_14 else {"lr="}
    assert (text in accepted) is (parsed is not None)


def test_quotes_and_sweeps_are_told_apart() -> None:
    """`_value` is a QuotedString where quotes stood; sweeps know that they are sweeps."""
    quoted, bare = _hydra.parse_override("v='a'"), _hydra.parse_override("v=a")

    assert isinstance(quoted._value, QuotedString)
    assert [True, False] == [_hydra.is_quoted(quoted), _hydra.is_quoted(bare)]
    sweeps = ["v=1,2", "v=range(1,3)", "v=choice(a,b)", "v=interval(0,1)", "v=glob(*)"]
    assert all(_hydra.parse_override(text).is_sweep_override() for text in sweeps)
    assert not bare.is_sweep_override()


@pytest.mark.parametrize("first", ["argument", "file"])
def test_hydra_behaves_as_its_own_version(first: str) -> None:
    """Hydra 1.3 would behave as 1.1 where it is used before anybody has chosen."""
    code = f"""
from hydra import version
from brevetti_hydra.config import _hydra
if {first!r} == "argument":
    _hydra.parse_override("a=[1]")
else:
    repository = _hydra.Repository([])
    repository.load_config("nothing")
print(version.getbase())
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert ("1.4\n" if IS_HYDRA_14 else "1.3\n") == answer.stdout
    assert "" == answer.stderr


def test_references_are_named_by_the_grammar_of_interpolations() -> None:
    """The parse tree holds the contexts that are looked for, nested ones too."""
    assert type(parse("${a}")).__name__.endswith("Context")
    found = _omegaconf.references("${lr} and ${oc.env:HOME}${n.${m}}")

    assert ["lr", "m", "n.${m}", "oc.env:HOME"] == sorted(found)


def test_interpolations_resolve_to_plain_values() -> None:
    """The evaluator gives plain values, through several hops and from mappings."""
    evaluator = _omegaconf.Evaluator(
        {"a": 1, "b": "${a}", "c": "${b}", "m": {"x": "${..c}"}, "n": "${m}", "t": "v${c}"},
        10_000,
    )

    expected = [1, 1, 1, {"x": 1}, "v1"]
    assert expected == [evaluator.value(p) for p in [("b",), ("c",), ("m", "x"), ("n",), ("t",)]]
    with pytest.raises(InterpolationKeyError):
        _omegaconf.Evaluator({"a": "${nothere}"}, 10_000).value(("a",))


@pytest.mark.parametrize(
    ("entries", "overrides", "expected"),
    [
        ([{"g": "a"}], [], {"g/a": ("main", 0)}),
        ([{"g": "a"}], ["g=b"], {"g/b": (None, 0)}),
        (
            ["g/a", {"h@p": "a"}],
            ["+g@q=b"],
            {"g/a": ("main", 0), "h/a": ("main", 1), "g/b": (None, 0)},
        ),
        ([{"h": "a"}, {"g": ["b", "a"]}], [], {"g/b": ("main", 1), "g/a": ("main", 1)}),
        ([{"g": "a"}], ["g=[b,a]"], {"g/b": (None, 0), "g/a": (None, 0)}),
        ([], ["+h=a", "+g=[b,a]"], {"h/a": (None, 0), "g/b": (None, 1), "g/a": (None, 1)}),
        ([{"g": "a"}, {"h": "o"}], [], {"g/b": ("h/o", 0), "h/o": ("main", 1)}),
        ([{"g": "a"}, {"h": "o"}], ["g=a"], {"g/a": (None, 0), "h/o": ("main", 1)}),
        ([{"g": "b"}, {"h": "${g}"}], [], {"g/b": ("main", 0), "h/b": ("main", 1)}),
        ([{"optional g": "nothere"}, {"g@p": "a"}], [], {"g/a": ("main", 1)}),
        ([{"g": "a"}, {"h": "a"}], ["~g"], {"h/a": ("main", 1)}),
    ],
)
def test_each_file_names_what_pulled_it_in(
    entries: list[Any], overrides: list[str], expected: dict[str, tuple[str | None, int]]
) -> None:
    """An entry of a defaults list is named by its file and number, an override by its number."""
    plain = dict.fromkeys(("g/a", "g/b", "h/a", "h/b"), (None, None))
    overriding = {"h/o": ([{"override /g": "b"}], "_global_")}
    files = Files({"main": (entries, None)} | plain | overriding)

    planned, _ = _hydra.plan_files(
        _hydra.Repository([files]), "main", [_hydra.parse_override(text) for text in overrides]
    )

    pulls = {file.config_path: file.pull for file in planned}
    assert None is pulls.pop("main", None)
    for name, pull in expected.items():
        assert (name, pull) == (name, tuple(pulls[name] or ()))


def test_plugins_name_their_launchers_in_the_store() -> None:
    """A plugin's module stores what its launcher is built of, under its short name."""
    from brevetti_hydra.config import _hydra_plugins
    from brevetti_hydra.config.plugins import find_plugins

    find_plugins()

    wanted = {"basic", "joblib", "submitit_local", "submitit_slurm"}
    assert wanted <= set(_hydra_plugins.launcher_names())
    options = _hydra_plugins.launcher_options("joblib", {"n_jobs": "2", "prefer": "threads"})
    assert (None, 2, True) == (options.wrong, options.values["n_jobs"], "verbose" in options.names)
    wrong = _hydra_plugins.launcher_options("submitit_local", {"nodes": "many", "nods": 1}).wrong
    assert wrong is not None
    assert ("nodes", True) == (wrong[0], "many" in wrong[1])


def test_a_launcher_is_built_and_given_what_it_calls(tmp_path: Path) -> None:
    """Hydra's own launcher runs a task with its words, and leaves this process and folder alone."""
    code = """
import json, logging, os, sys
from brevetti_hydra.config._hydra_plugins import HydraLaunch, launcher_names
told = []
def task(words):
    told.append([words["trial"], words["attempt"], os.getcwd()])
launcher_names()
launch = HydraLaunch("basic", {}, task, folder=sys.argv[1], job_name="a ${name}")
launch.run([["trial=3", "attempt=1"], ["trial=4", "attempt=2"]], 3)
print(json.dumps([told, len(logging.getLogger().handlers), os.listdir(sys.argv[1])]))
"""
    folder = tmp_path / "a ${folder}"
    answer = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    here = str(tmp_path)
    assert [[[3, 1, here], [4, 2, here]], 0, []] == json.loads(answer.stdout)
    assert "" == answer.stderr


def test_the_scan_of_plugins_can_be_emptied() -> None:
    """Workers build `Plugins` anew before each task; `stop_scanning` leaves it nothing to import."""
    code = """
from brevetti_hydra.config._hydra_plugins import stop_scanning
from hydra.core.plugins import Plugins
stop_scanning()
import sys
before = set(sys.modules)
found = Plugins.instance()
print(found.class_name_to_class, sorted(set(sys.modules) - before))
"""
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )

    assert "{} []\n" == answer.stdout
