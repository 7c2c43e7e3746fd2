"""Interpolations: `${key}`, `${oc.env:X}`, `${hydra:...}`.

They are looked for in YAML and in `key=value` arguments only. What a class, a platform or a
`--key value` argument says is data, and is taken to the letter.
"""

from __future__ import annotations

import re
import time
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

from brevetti_hydra._masks import MASK
from brevetti_hydra._text import shorten
from brevetti_hydra.config.safety.masks import is_reference
from brevetti_hydra.config.tree.budget import Budget, over_references
from brevetti_hydra.config.tree.origins import MISSING, Node, Path, dotted, walk
from brevetti_hydra.errors import InterpolationError, MissingSettingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from brevetti_hydra.config._omegaconf import Evaluator
    from brevetti_hydra.errors import BrevettiHydraError

__all__ = ["Resolution", "escaped", "has_reference", "is_live", "resolve"]

_BUDGET = Budget()
# How much of an interpolation's text an error repeats.
_WIDEST_TEXT = 300
_NO_TIME = "the clock cannot write the time in that form"
_MOST_HINTS, _MOST_NAMES = 20, 2_000
_NOW = re.compile(r"\$\{now:([^{}]+)\}")
_HYDRA = re.compile(r"\$\{hydra:([^{}]+)\}")
# `${oc.env:X}`, and a resolver whose name is itself put together.
_ENVIRONMENT = r"oc\.env\s*:|\$\{[^:{}]*\$\{[^{}]*\}[^{}]*:"


class Resolution:
    """What the interpolations of a tree resolve to.

    Attributes:
        values: The resolved value of each key whose text held an interpolation.
        texts: The text behind each of those values.
        from_environment: Those among them that depend on an environment variable or a secret,
            directly or through other keys; records keep them unresolved.
        failed: The keys whose interpolation does not resolve.
        problems: One error for each of those.
    """

    def __init__(self) -> None:
        self.values: dict[Path, Any] = {}
        self.texts: dict[Path, str] = {}
        self.from_environment: set[Path] = set()
        self.failed: set[Path] = set()
        self.problems: list[BrevettiHydraError] = []


def resolve(
    tree: Node,
    hydra_values: Mapping[str, str],
    is_secret: Callable[[Path], bool] = lambda _: False,
    budget: Budget = _BUDGET,
) -> Resolution:
    """Resolve every interpolation of a tree.

    Args:
        tree: The whole tree, defaults filled in.
        hydra_values: What `${hydra:...}` serves, by the part after the colon.
        is_secret: Whether a key is a secret; what refers to one is not written into records.
        budget: How much interpolations may read.
    """
    pending = [
        (path, node) for path, node in walk(tree) if is_live(node) and has_reference(node.value)
    ]
    if not pending:
        return Resolution()
    return _Resolver(tree, hydra_values, is_secret).resolve(pending, budget)


class _Resolver:
    """Resolves the interpolations of one tree."""

    def __init__(
        self, tree: Node, hydra_values: Mapping[str, str], is_secret: Callable[[Path], bool]
    ) -> None:
        self._tree = tree
        self._hydra_values = hydra_values
        self._is_secret = is_secret
        self._resolution = Resolution()

    def resolve(self, pending: list[tuple[Path, Node]], budget: Budget) -> Resolution:
        """Resolve the values at these places."""
        # OmegaConf's import of its grammar is spared where there is nothing to resolve.
        from brevetti_hydra.config._hydra import COMPOSITION_FAULTS
        from brevetti_hydra.config._omegaconf import cost_of_reading

        resolution = self._resolution
        resolution.texts = {path: str(node.value) for path, node in pending}
        most_cost = budget.references
        left = list(pending)
        prepared = self._prepared(self._tree, left)
        cost = sum(map(cost_of_reading, resolution.texts.values())) + _size(prepared)
        if cost > most_cost:
            self._stop(left, budget)
        else:
            evaluator = self._evaluator(prepared, left, most_cost)
            while left:
                path, node = left[0]
                try:
                    resolution.values[path] = evaluator.value(path)
                except COMPOSITION_FAULTS as error:
                    if evaluator.is_spent:
                        self._stop(left, budget)
                        break
                    self._fail(path, node, error)
                del left[0]
        values = [path for path, node in walk(self._tree) if node.value is not None]
        secrets = list(filter(self._is_secret, values))
        texts = {path: str(_mapped(node.value, self._hydra_values)) for path, node in pending}
        resolution.from_environment = _find_hidden(texts, secrets)
        return resolution

    def _evaluator(
        self, prepared: Any, pending: list[tuple[Path, Node]], most_cost: int
    ) -> Evaluator:
        """Build the evaluator; texts that are no interpolations are reported and left out."""
        from brevetti_hydra.config import _omegaconf
        from brevetti_hydra.config._hydra import COMPOSITION_FAULTS

        try:
            return _omegaconf.Evaluator(prepared, most_cost)
        except COMPOSITION_FAULTS:
            # OmegaConf reads all texts at once, and does not say which of them it cannot read.
            plain = self._tree.copy()
            for path, node in list(pending):
                try:
                    _omegaconf.Evaluator(
                        {"value": _mapped(node.value, self._hydra_values)}, most_cost
                    )
                except COMPOSITION_FAULTS as error:
                    self._fail(path, node, error)
                    pending.remove((path, node))
                    broken = plain.at(path)
                    if broken is not None:
                        broken.value = None
            return _omegaconf.Evaluator(self._prepared(plain, pending), most_cost)

    def _prepared(self, tree: Node, pending: list[tuple[Path, Node]]) -> Any:
        """Give what is needed of the tree as OmegaConf reads it: 30 us a value is much."""
        wanted: _Wanted = {}
        for path, node in pending:
            text = str(_mapped(node.value, self._hydra_values))
            if _READS_ANYTHING.search(text) or (isinstance(node.value, list) and "${." in text):
                return _prepared(tree, self._hydra_values, None)
            for keys in (path, *_named(text, path)):
                _want(wanted, keys)
        return _prepared(tree, self._hydra_values, wanted)

    def _fail(self, path: Path, node: Node, error: Exception) -> None:
        self._resolution.failed.add(path)
        self._resolution.problems.append(self._problem(path, node, error))

    def _stop(self, left: list[tuple[Path, Node]], budget: Budget) -> None:
        """Give up: what is left would take too long, or never end."""
        self._resolution.failed |= {path for path, _ in left}
        path, node = left[0]
        self._resolution.problems.append(over_references(dotted(path), node.origin.place(), budget))

    def _problem(self, path: Path, node: Node, error: Exception) -> BrevettiHydraError:
        is_shown = is_reference(node.value) or not self._is_secret(path)
        text = shorten(repr(node.value), _WIDEST_TEXT) if is_shown else MASK
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        missing = re.search(r"mandatory (?:missing )?value:? ?'?([\w.]*)", reason)
        if missing or MISSING in reason:
            return MissingSettingError(
                f"'{dotted(path)}' refers to a setting that has no value",
                key=path,
                where=node.origin.place(),
                notes=[f"it is {text}"],
            )
        variable = re.search(r"Environment variable '([^']+)' not found", reason)
        note, hint = _unset(variable[1]) if variable else self._explained(reason)
        problem = InterpolationError(
            f"'{dotted(path)}' does not resolve: {text}",
            key=path,
            where=node.origin.place(),
            notes=[note],
            hint=hint,
        )
        problem.variable = variable[1] if variable else None
        return problem

    @cached_property
    def _names(self) -> list[str]:
        return [dotted(key) for key, _ in islice(walk(self._tree), _MOST_NAMES)]

    def _explained(self, reason: str) -> tuple[str, str | None]:
        """Say in our words why something does not resolve, and what mends it."""
        from brevetti_hydra._text import quote_all, similar_name

        # OmegaConf 2.3 names the whole key, 2.4 the text and then the whole key.
        unknown = re.search(
            r"Interpolation key '([^']+)' not found(?: \(resolved to '(.+)'\))?", reason
        )
        if unknown:
            name = unknown[2] or unknown[1]
            # Similar names are for people, who read some errors, not hundreds.
            is_told = len(self._resolution.problems) < _MOST_HINTS
            nearest = similar_name(name, self._names) if is_told else None
            hint = f"a similar name exists: '{nearest}'" if nearest else None
            return f"there is no key '{name}'", hint
        if "Recursive interpolation" in reason:
            return "in the end it refers to itself", None
        resolver = re.search(r"Unsupported interpolation type (\S+)", reason)
        if resolver and resolver[1] == "hydra":
            return f"of 'hydra:' there are {quote_all(self._hydra_values)}", None
        if resolver:
            is_clock = resolver[1] == "now"
            unknown_resolver = f"there is no resolver '{resolver[1]}'"
            return _NO_TIME if is_clock else unknown_resolver, None
        if re.match(r"(no viable alternative|mismatched|extraneous|missing|token recog)", reason):
            form = "an interpolation is ${key}, ${.key beside} or ${resolver:argument}"
            return form, r"write \${ where the text itself is meant"
        is_internal = "raised while resolving interpolation" in reason
        return "the resolver does not take what it is given" if is_internal else reason, None


def _unset(variable: str) -> tuple[str, str]:
    return (
        f"the environment variable '{variable}' is not set",
        f"set it, or name what to take instead: ${{oc.env:{variable},default}}",
    )


def escaped(node: Node, hydra_values: Mapping[str, str]) -> Any:
    r"""Give a value as a record keeps it, so that it reads alike when nothing of this run is known.

    Texts that are data get `\${`, and `${hydra:...}` is filled in.
    """
    if not has_reference(node.value):
        return node.value
    return _mapped(node.value, hydra_values if is_live(node) else None)


def is_live(node: Node) -> bool:
    """Whether interpolations are looked for in a value, or its text is data."""
    if node.origin.kind in {"default", "info"}:
        return False
    return not (node.origin.kind == "argument" and ": --" in node.origin.label)


def has_reference(value: Any) -> bool:
    """Whether a text in a plain value holds `${`."""
    if isinstance(value, str):
        return "${" in value
    if isinstance(value, list):
        return any(has_reference(item) for item in value)
    return isinstance(value, dict) and any(has_reference(item) for item in value.values())


# Keys and what is wanted below them; nothing below means all of it.
_Wanted = dict[str, "_Wanted"]
# A name that is put together, and a resolver that may read any key; `oc.env` reads none.
_READS_ANYTHING = re.compile(r"\$\{[^{}:]*\$\{|\$\{(?!\s*(?:oc\.env|hydra|now)\s*:)[^{}]*:")


def _want(wanted: _Wanted, keys: Path) -> None:
    for depth, key in enumerate(keys, 1):
        if key in wanted and not wanted[key]:
            return
        if depth == len(keys):
            wanted[key] = {}
        else:
            wanted = wanted.setdefault(key, {})


def _prepared(node: Node, hydra_values: Mapping[str, str], wanted: _Wanted | None) -> Any:
    """Give the plain tree for OmegaConf: data hidden, `${hydra:...}` filled in."""
    if node.children is not None:
        return {
            key: _prepared(child, hydra_values, wanted.get(key) if wanted else None)
            for key, child in node.children.items()
            if not wanted or key in wanted
        }
    if not has_reference(node.value):
        return node.value
    return _mapped(node.value, hydra_values) if is_live(node) else _hidden(node.value)


def _size(value: Any) -> int:
    """Count the values of a plain tree; OmegaConf takes as long for two as for a short text."""
    if isinstance(value, dict):
        return 2 + sum(map(_size, value.values()))
    return 2 + sum(map(_size, value)) if isinstance(value, list) else 2


def _hidden(value: Any) -> Any:
    from brevetti_hydra.config._omegaconf import Data

    if isinstance(value, list):
        return [_hidden(item) for item in value]
    if isinstance(value, dict):
        return {key: _hidden(item) for key, item in value.items()}
    return Data(value) if has_reference(value) else value


def _mapped(value: Any, hydra_values: Mapping[str, str] | None) -> Any:
    if isinstance(value, list):
        return [_mapped(item, hydra_values) for item in value]
    if isinstance(value, dict):
        return {key: _mapped(item, hydra_values) for key, item in value.items()}
    if not isinstance(value, str):
        return value
    if hydra_values is None:
        return value.replace("${", r"\${")
    value = _HYDRA.sub(lambda found: hydra_values.get(found[1].strip(), found[0]), value)
    # Hydra's customary name for a folder, `${now:%Y-%m-%d}`, in local time as Hydra gives it.
    return _NOW.sub(_now, value)


def _now(found: re.Match[str]) -> str:
    try:
        return time.strftime(found[1])
    except ValueError:  # a format that the clock cannot write, or no text at all
        return found[0]


def _find_hidden(texts: Mapping[Path, str], secrets: list[Path]) -> set[Path]:
    """Find what depends on the environment or a secret, however many references lie between."""
    pending = [path for path, text in texts.items() if re.search(_ENVIRONMENT, text)] + secrets
    if not pending:
        return set()
    # Who refers to exactly these keys, and who to these or to something below them.
    exactly: dict[Path, list[Path]] = {}
    below: dict[Path, list[Path]] = {}
    for path, text in texts.items():
        if re.search(r"\$\{[^{}]*(\$\{|:)", text):
            # What a resolver is given is not read: it may take any key, as `${oc.select:key}` does.
            pending.append(path)
        for keys in _named(text, path):
            exactly.setdefault(keys, []).append(path)
            for depth in range(len(keys) + 1):
                below.setdefault(keys[:depth], []).append(path)
    tainted: set[Path] = set()
    while pending:
        path = pending.pop()
        if path not in tainted:
            tainted.add(path)
            # A part of it, or a mapping that holds it.
            pending += below.get(path, ())
            for depth in range(len(path)):
                pending += exactly.get(path[:depth], ())
    return tainted & set(texts)


def _named(text: str, path: Path) -> Iterator[Path]:
    """Give the keys that a text's references name."""
    for dots, name in re.findall(r"\$\{\s*(\.*)([^${}:]*?)\s*\}", text):
        # One leading dot means the mapping in which the reference stands.
        base = path[: max(0, len(path) - len(dots))] if dots else ()
        keys = filter(None, re.split(r"[.\[\]]+", name.strip()))
        yield (*base, *keys)
