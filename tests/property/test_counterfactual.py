"""A sentinel written at the place that `explain` names changes that key, and nothing unrelated.

Generated projects: a module with settings classes, a conf folder with groups in several packages,
an info.json and a command line. Of each, a random key is explained; the place of its winner is
edited, and everything is composed again.
"""

from __future__ import annotations

import random
import re
import sys
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from brevetti_hydra import Job
from brevetti_hydra.config import compose, read_argv
from brevetti_hydra.config.explaining.explain import explain
from brevetti_hydra.errors import BrevettiHydraError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from brevetti_hydra.config import Composition
    from brevetti_hydra.config.explaining.explanation import Explanation, Target, Writer

TREES = 500
SENTINEL = 987654

SOURCE = """\
import dataclasses
from typing import Annotated, Any, Literal

from pydantic import Field, Field as F
from brevetti_hydra import Job, JobSettings


class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    lr: Any = 1
    beta1: Any = 2


class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    lr: Any = 3
    momentum: Any = 4


class Model(JobSettings):
    hidden: Any = 5
    depth: Any = 6


@dataclasses.dataclass
class Image:
    size: Any = 7
    crop: Any = 8


class Base(JobSettings):
    x: Any = 9
    y: Any = 10


class Settings(Base):
    z: Any = 11
    m: Model = Model(hidden=12)
    n: Model = Model()
    image: Image = F(default_factory=Image)
    optim: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    w: dict[str, Any] = F({"a": 13, "b": 14})
    items: list[Any] = F([15, 16])


class TheJob(Job):
    settings: Settings
"""
LEAVES = {
    "": ("x", "y", "z", "items"),
    "m": ("hidden", "depth"),
    "n": ("hidden", "depth"),
    "image": ("size", "crop"),
    "optim": ("lr",),
    "w": ("a", "b", "c"),
}
NODES = ("m", "n")
REFERENCES = ("${x}", "${m.hidden}", "${w.a}", "pre-${y}", "${n.depth}")

_names = count()


class Place(NamedTuple):
    """A project, and what was generated for it."""

    folder: Path
    module: str
    argv: list[str]
    info: dict[str, Any]


class Project:
    """Writes one project from a seed; the next one, in the same folder, writes all of it anew."""

    def __init__(self, folder: Path, module: str, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)  # noqa: S311 - no secret
        self.folder = folder
        self.module = module
        self._number = count(100)

    def place(self) -> Place:
        if not (self.folder / f"{self.module}.py").exists():
            self.write(f"{self.module}.py", SOURCE)
        self.write("pyproject.toml", "")
        for group in ("g", "h"):
            for option in ("a", "b"):
                package = self.random.choice([None, "_global_", "_global_", "m", "n"])
                self.write(f"conf/{group}/{option}.yaml", self.option(package, group))
        self.write("conf/g/sub/c.yaml", self.option("_global_", "g"))
        self.write("conf/brevetti.yaml", self.primary())
        return Place(self.folder, self.module, self.line(), self.info())

    def write(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def primary(self) -> str:
        choose = self.random.choice
        entries = [
            f"- g@{choice}: a" for choice in choose([["_global_"], ["m", "n"], ["m"], ["n"]])
        ]
        entries += choose([["- h@_global_: b"], ["- h@m: a"], []])
        entries += choose([["- g/sub: c"], []])
        entries.insert(self.random.randint(0, len(entries)), "- _self_")
        return "\n".join(["defaults:", *entries, *self.rows("_global_"), ""])

    def option(self, package: str | None, group: str) -> str:
        header = [f"# @package {package}"] if package else []
        defaults: list[str] = []
        if group == "h" and self.random.random() < 0.3:
            target = self.random.choice(["override /g@_global_: b", "override /g@m: b"])
            defaults = ["defaults:", f"- {target}"]
        return "\n".join([*header, *defaults, *self.rows(package or "m"), ""])

    def rows(self, package: str) -> list[str]:
        """Give the content of a file: a key on each line."""
        if package in NODES:
            return [f"{key}: {self.value()}" for key in self.some(LEAVES[package])]
        rows = [f"{key}: {self.value(key)}" for key in self.some(LEAVES[""])]
        for node in self.some(("m", "n", "image", "w")):
            rows += self.node(node)
        if self.random.random() < 0.3:
            rows += self.union()
        anchored = [n for n, row in enumerate(rows) if re.match(r"[xyz]: \d+$", row)]
        if anchored and not any(re.match(r"z:", row) for row in rows):
            first = anchored[0]
            rows[first] = rows[first].replace(": ", ": &scalar ")
            rows.append("z: *scalar")
        return rows

    def node(self, node: str) -> list[str]:
        keys = self.some(LEAVES[node]) or [LEAVES[node][0]]
        rows = [f"  {key}: {self.value()}" for key in keys]
        if node == "m" and self.random.random() < 0.4:
            # `n` may come after, as an alias of it or with `<<`.
            other = self.random.choice(["n: *node", "n:\n  <<: *node\n  depth: 77"])
            self._with_alias = True
            return ["m: &node", *rows, *other.split("\n")]
        if node == "n" and getattr(self, "_with_alias", False):
            self._with_alias = False
            return []
        if node == "w" and self.random.random() < 0.2:
            return [f"w: {{a: {next(self._number)}}}"]
        return [f"{node}:", *rows]

    def union(self) -> list[str]:
        tag = self.random.choice(["adam", "sgd"])
        leaf = "beta1" if tag == "adam" else "momentum"
        return ["optim:", f"  kind: {tag}", f"  {leaf}: {next(self._number)}"]

    def value(self, key: str = "") -> str:
        kind = self.random.random()
        number = next(self._number)
        if key == "items" or kind < 0.1:
            return f"[{number}, {next(self._number)}]"
        if kind < 0.25:
            return self.random.choice(REFERENCES)
        return str(number)

    def line(self) -> list[str]:
        argv = [f"job={self.module}:TheJob"]
        keys = [f"{n}.{key}".lstrip(".") for n, found in LEAVES.items() for key in found]
        for key in self.random.sample(keys, self.random.randint(0, 3)):
            sign = self.random.choice(["", "+", "++", "", "~"])
            argv.append(f"~{key}" if sign == "~" else f"{sign}{key}={next(self._number)}")
        argv += self.random.choice([[], [], ["+h=a"], [f"w={{a: {next(self._number)}}}"]])
        argv += self.random.choice([[], [], ["optim.kind=sgd"], ["--y", str(next(self._number))]])
        argv += self.random.choice([[], [], ["m=null", f"m.depth={next(self._number)}"]])
        return argv

    def info(self) -> dict[str, Any]:
        if self.random.random() < 0.6:
            return {}
        found: dict[str, Any] = {key: next(self._number) for key in self.some(("x", "y"))}
        return {**found, "m": {"hidden": next(self._number)}}

    def some(self, keys: tuple[str, ...]) -> list[str]:
        return self.random.sample(keys, self.random.randint(0, len(keys)))


def composed(place: Place) -> Composition:
    request = read_argv(place.argv)
    info = {"settings": place.info} if place.info else None
    return compose(request, folder=place.folder, base=Job, info=info)


def values(found: list[Explanation]) -> dict[str, Any]:
    return {each.key: each.value for each in found if each.is_there}


def edit(place: Place, writer: Writer, leaf: str) -> Place:
    """Write the sentinel at a place."""
    if writer.kind == "argument":
        number = int(writer.place.partition(":")[0].split()[1]) - 1
        return place._replace(argv=_edited_line(place.argv, number, leaf))
    if writer.kind == "info":
        keys = writer.place.partition("settings.")[2].split(".")
        info = {key: dict(v) if isinstance(v, dict) else v for key, v in place.info.items()}
        holder = info
        for key in keys[:-1]:
            holder = holder[key]
        holder[keys[-1]] = SENTINEL
        return place._replace(info=info)
    assert writer.file is not None
    assert writer.line is not None
    path = place.folder / writer.file
    lines = path.read_text(encoding="utf-8").splitlines()
    text = lines[writer.line - 1]
    if writer.kind == "default":
        module = f"generated_{next(_names)}"
        lines[writer.line - 1] = _edited_default(text, leaf)
        (place.folder / f"{module}.py").write_text("\n".join(lines), encoding="utf-8")
        argv = [word.replace(place.module, module) for word in place.argv]
        return place._replace(module=module, argv=argv)
    assert writer.column is not None
    lines[writer.line - 1] = _edited_yaml(text, writer.column, leaf)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return place


def _edited_line(argv: list[str], number: int, leaf: str) -> list[str]:
    changed = list(argv)
    if argv[number].startswith("--"):
        changed[number + 1] = str(SENTINEL)
    elif "{" in argv[number]:
        changed[number] = re.sub(rf"({leaf}: )\d+", rf"\g<1>{SENTINEL}", argv[number])
    else:
        changed[number] = f"{argv[number].partition('=')[0]}={SENTINEL}"
    return changed


def _edited_default(text: str, leaf: str) -> str:
    for pattern in (rf'("{leaf}": )\d+', rf"({leaf}=)\d+", rf"(^\s+{leaf}: .*= (?:F\()?)[^)]+"):
        changed, times = re.subn(pattern, rf"\g<1>{SENTINEL}", text)
        if times:
            return changed
    message = f"{leaf} does not stand in {text!r}"
    raise AssertionError(message)


def _edited_yaml(text: str, column: int, leaf: str) -> str:
    found = re.match(
        r"(['\"]?[\w ]+['\"]?: (?:&\w+ )?)(\[[^\]]*\]|(?:[^,{}$]|\$\{[^}]*\})+)", text[column - 1 :]
    )
    assert found is not None, (text, column, leaf)
    begin = column - 1
    return f"{text[:begin]}{found[1]}{SENTINEL}{text[begin + found.end() :]}"


def related(key: str, found: list[Explanation], writer: Writer) -> set[str]:
    """Name what may change with a key: what has its place, and what refers to either."""
    same = {key}
    for each in found:
        winner = each.writers[0] if each.writers else None
        anchors = [s.place.rpartition(":")[0] for s in winner.by if s.text == "&"] if winner else []
        if winner is not None and (winner[1:5] == writer[1:5] or _line(writer) in anchors):
            same.add(each.key)
    while True:
        more = {each.key for each in found if set(_referred(each.targets)) & same} - same
        if not more:
            return same
        same |= more


def _line(writer: Writer) -> str:
    return f"{writer.file}:{writer.line}"


def _referred(targets: tuple[Target, ...]) -> Iterator[str]:
    for target in targets:
        yield target.name
        yield from _referred(target.targets)


class Outcome(NamedTuple):
    """What came of one tree: the kind of its winner, and what went wrong."""

    kind: str
    wrong: str


def tried(project: Project, choose: Callable[[Explanation], Writer | None]) -> Outcome | None:
    """Edit the place that `choose` takes for the winner, and look; None where nothing can be."""
    seed, place = project.seed, project.place()
    try:
        before = explain(composed(place))
    except BrevettiHydraError:
        return None
    candidates = [e for e in before if e.is_there and not e.key.endswith("kind")]
    each = project.random.choice(candidates)
    writer = choose(each)
    if writer is None:
        return None
    allowed = related(each.key, before, each.writers[0])
    leaf = each.key.rpartition(".")[2]
    after = values(explain(composed(edit(place, writer, leaf))))
    old = values(before)
    changed = {key for key in {*old, *after} if old.get(key, ...) != after.get(key, ...)}
    wrong = ""
    if after.get(each.key) != SENTINEL:
        wrong = f"{seed}: {each.key} is {after.get(each.key)!r} after a change at {writer.place}"
    elif changed - allowed:
        wrong = f"{seed}: with {each.key} changed {sorted(changed - allowed)}"
    return Outcome(writer.kind, wrong)


@pytest.fixture(autouse=True)
def _no_traces(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    for name in [name for name in sys.modules if name.startswith("generated_")]:
        del sys.modules[name]


def outcomes(
    folder: Path, choose: Callable[[Explanation], Writer | None], trees: int
) -> list[Outcome]:
    """Try seeds until so many trees could be composed."""
    found: list[Outcome] = []
    module = f"generated_{next(_names)}"
    for seed in count():
        outcome = tried(Project(folder, module, seed), choose)
        found += [outcome] if outcome is not None else []
        if len(found) == trees:
            break
    return found


def test_the_place_that_is_named_is_the_place_that_counts(tmp_path: Path) -> None:
    """On 500 trees, a sentinel at the winner's place changes that key and nothing unrelated."""
    found = outcomes(tmp_path, lambda each: each.writers[0], TREES)

    assert [] == [outcome.wrong for outcome in found if outcome.wrong]
    assert {"default", "yaml", "info", "argument"} == {outcome.kind for outcome in found}


def test_a_wrong_place_would_be_seen(tmp_path: Path) -> None:
    """Were the second writer named in the winner's place, every tree would tell."""

    def second(each: Explanation) -> Writer | None:
        return each.writers[1] if len(each.writers) > 1 else None

    found = outcomes(tmp_path, second, 30)

    assert [] == [outcome for outcome in found if not outcome.wrong]
