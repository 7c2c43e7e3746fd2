"""Generated conf trees compose to what Hydra itself makes of them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.plugins import Plugins
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from brevetti_hydra import Job
from brevetti_hydra.config import compose, read_argv
from brevetti_hydra.errors import BrevettiHydraError, InterpolationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

GROUPS = ("g", "h", "g/n")
OPTIONS = ("a", "b", "c")
KEYS = ("x", "y", "m", "n")

KINDS = ("override", "optional", "config", "list", "here", "reference")

scalars = st.one_of(
    st.integers(-9, 9),
    st.booleans(),
    st.none(),
    st.sampled_from([0.5, 1e-3, "", "text", "???", "1_000", "null", "é", "a=b", "2020-01-01"]),
    st.sampled_from(["${x}", "${m}", "${n.m}", "${m.x}", "${.x}", "${..m}", "pre-${x}"]),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(KEYS), inner, max_size=3)
    ),
    max_leaves=6,
)
trees = st.dictionaries(st.sampled_from(KEYS), values, max_size=3)
packages = st.sampled_from(
    # `_group_` is read as Hydra 1.1 read it, with a notice; later ones take it for a name.
    [None, None, None, None, "_global_", "p", "m", "m.n"]
)


@st.composite
def entries(draw: st.DrawFn, *, parent: str) -> Any:
    """Draw one entry of a defaults list."""
    group = draw(st.sampled_from(GROUPS))
    option: Any = draw(st.sampled_from((*OPTIONS, None)))
    kind = draw(st.sampled_from([*("plain", "at") * 2, *KINDS]))
    name = group if not parent else f"/{group}"
    if kind == "at":
        package = draw(st.sampled_from(["p", "m", "m.n", "_global_", "_here_"]))
        return {f"{name}@{package}": option}
    if kind == "override":
        return {f"override {name}": option}
    if kind == "optional":
        return {f"optional {name}": draw(st.sampled_from([*OPTIONS, "absent"]))}
    if kind == "config":
        return draw(st.sampled_from(["other", "/other", "/other@p", "/g/a", "/g/b@m"]))
    if kind == "list":
        return {name: draw(st.lists(st.sampled_from(OPTIONS), max_size=2, unique=True))}
    if kind == "reference":
        return {f"{name}@r": draw(st.sampled_from(["${g}", "${h}", "${g}${h}"]))}
    if kind == "here" and parent == "g":
        return {draw(st.sampled_from(["n", "n@_here_", "n@q"])): option}
    return {name: option}


@st.composite
def files(draw: st.DrawFn, *, parent: str = "", depth: int = 1) -> str:
    """Draw the text of one file."""
    tree: dict[str, Any] = {}
    most = (2 + (not parent)) if depth else 0
    defaults: list[Any] = draw(st.lists(entries(parent=parent), max_size=most))
    has_list: bool = draw(st.booleans())
    if defaults or has_list:
        place = draw(st.integers(0, len(defaults) + 1))
        if place <= len(defaults):
            defaults.insert(place, "_self_")
        tree["defaults"] = defaults
    tree |= draw(trees)
    package = draw(packages) if parent else None
    header = f"# @package {package}\n" if package else ""
    return header + yaml.safe_dump(tree, sort_keys=False, allow_unicode=True)


@st.composite
def folders(draw: st.DrawFn) -> dict[str, str]:
    """Draw a whole conf folder: path -> text."""
    found = {"brevetti.yaml": draw(files()), "other.yaml": draw(files(parent="", depth=0))}
    for group in GROUPS:
        for option in OPTIONS:
            depth = draw(st.sampled_from([0, 0, 0, 1]))
            found[f"{group}/{option}.yaml"] = draw(files(parent=group, depth=depth))
    return found


choices = st.lists(
    st.tuples(
        st.sampled_from(["", "+", "++"]),
        st.sampled_from([*GROUPS, "g@p", "h@m", "g@m.n"]),
        st.sampled_from(OPTIONS),
    ).map(lambda parts: f"{parts[0]}{parts[1]}={parts[2]}")
    | st.sampled_from(["~g", "~h", "~g/n", "~g=a", "g=[a,b]"]),
    max_size=2,
    unique_by=lambda text: text.partition("=")[0].lstrip("+~"),
)


class Loader:
    """Hydra's own composition of a folder."""

    def __init__(self, conf: Path) -> None:
        version.setbase("1.3")
        Plugins.instance()
        path = ConfigSearchPathImpl()
        path.append("main", f"file://{conf}")
        path.append("schema", "structured://")
        self._loader = ConfigLoaderImpl(path)

    def tree(self, overrides: Sequence[str]) -> Any:
        parsed, repository = self._loader._parse_overrides_and_create_caching_repo(
            "brevetti", list(overrides)
        )
        planned = create_defaults_list(
            repo=repository,
            config_name="brevetti",
            overrides_list=parsed,
            prepend_hydra=False,
            skip_missing=False,
        )
        config = self._loader._compose_config_from_defaults_list(planned.defaults, repository)
        self._loader._apply_overrides_to_config(planned.config_overrides, config)
        return OmegaConf.to_container(config, resolve=False)


def write(folder: Path, content: Mapping[str, str]) -> Path:
    for name, text in content.items():
        path = folder / "conf" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "conf"


def ours(folder: Path, argv: Sequence[str]) -> Any:
    request = read_argv([*argv])
    return compose(request, folder=folder, base=Job, job_class=Job).written.plain()


@settings(max_examples=60, suppress_health_check=list(HealthCheck))
@given(content=folders(), line=choices)
@pytest.mark.filterwarnings("ignore")
def test_a_generated_folder_composes_as_hydra_composes_it(
    content: dict[str, str], line: list[str]
) -> None:
    """Files, order, packages and merge rules agree with Hydra wherever Hydra composes at all."""
    with tempfile.TemporaryDirectory() as name:
        conf = write(Path(name), content)
        try:
            expected = Loader(conf).tree(line)
        except Exception:
            expected = None
        try:
            actual = ours(Path(name), line)
        except BrevettiHydraError:
            assert expected is None, (content, line)
            return
        if expected is not None:
            assert expected == actual


base_values: st.SearchStrategy[Any] = st.one_of(
    st.integers(-9, 9),
    st.sampled_from([True, None, 0.5, "text", [1, [2]], {}]),
    st.dictionaries(st.sampled_from(KEYS), st.integers(0, 3) | st.just({"x": 1}), max_size=3),
)
bases = st.fixed_dictionaries({"x": base_values, "m": base_values, "n": base_values})
assignments = st.tuples(
    st.sampled_from(["", "++"]),
    st.sampled_from(["x", "m", "n", "m.x", "m.n.y", "n.y", "y", "y.x"]),
    st.sampled_from(
        [
            *("3", "-1.5", "1e3", "true", "null", "text", "a b", "'it''s'", '"q\\"q"', "''", ""),
            *("[1,2]", "[]", "[a,[b]]", "{}", "{x: 5}", "{y: {z: [1]}}", "{x: null}", "a-b", "x/y"),
            *("${m}", "pre${x}", "1_000", "0x1f", "nan", "inf", "a:b", "%", "a@b", "10:20", "yes"),
            *("int(3.7)", "str(5)", "float(1)", "bool(0)", "json_str([1])", "\\,", "a\\=b"),
        ]
    ),
).map(lambda parts: f"{parts[0]}{parts[1]}={parts[2]}")
deletions = st.sampled_from(["~x", "~m", "~m.x", "~n.y", "~x=3", "~n=null"])


@settings(max_examples=80)
@given(base=bases, line=st.lists(assignments, min_size=1, max_size=3), taken=st.none() | deletions)
def test_generated_values_are_set_as_hydra_sets_them(
    base: dict[str, Any], line: list[str], taken: str | None
) -> None:
    """A line of values, and one that is taken away first, means what it means to Hydra."""
    argv = line if taken is None else [taken, *line]
    with tempfile.TemporaryDirectory() as name:
        conf = write(Path(name), {"brevetti.yaml": yaml.safe_dump(base)})
        try:
            expected = Loader(conf).tree(argv)
        except Exception:
            return
        composition = compose(read_argv(argv), folder=Path(name), base=Job, job_class=Job)

    assert [] == [p for p in composition.problems if not isinstance(p, InterpolationError)]
    assert repr(_sorted(expected)) == repr(_sorted(composition.written.plain()))


def _sorted(tree: Any) -> Any:
    """Order keys: a key that is written again stands at its old place here, at the end in Hydra."""
    if isinstance(tree, dict):
        return {key: _sorted(tree[key]) for key in sorted(tree)}
    return tree
