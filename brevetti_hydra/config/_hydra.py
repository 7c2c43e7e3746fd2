"""The door to Hydra's composition; every private name of Hydra's stands here or in its peers.

What the harness takes from Hydra: the override grammar, the defaults list (which files take part,
in which order, in which package) and the notion of config sources; beside this door, `_omegaconf`
has the interpolations, and `_hydra_plugins` the launchers. None of them merges the trees:
`origins.merge` does, and remembers who wrote what. tests/config/test_hydra_contract.py holds each
name to what is expected of it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from hydra import version
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.defaults_list import create_defaults_list
from hydra.core.object_type import ObjectType
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override, OverrideType, QuotedString, ValueType
from hydra.errors import (
    ConfigCompositionException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from brevetti_hydra.config._hydra_pulls import NUMBER, Pull, Pulls

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = [
    "COMPOSITION_FAULTS",
    "ConfigCompositionException",
    "ConfigResult",
    "ConfigSource",
    "DefaultsBranch",
    "DefaultsRow",
    "MissingConfigException",
    "ObjectType",
    "Override",
    "OverrideParseException",
    "PlannedFile",
    "Pull",
    "Repository",
    "TooManyLoadsError",
    "defaults_result",
    "describe_defaults",
    "is_quoted",
    "parse_override",
    "plan_files",
]

# Whatever Hydra and OmegaConf raise about a wrong defaults list. ValueError and TypeError are
# theirs, too: they raise them about items of a wrong type. Lists that include each other end in a
# RecursionError, and some overrides of lists of options in an AssertionError.
COMPOSITION_FAULTS = (
    HydraException,
    OmegaConfBaseException,
    ValueError,
    TypeError,
    KeyError,
    RecursionError,
    AssertionError,
)


class PlannedFile(NamedTuple):
    """One entry of the final defaults list.

    Attributes:
        config_path: `job/classifier`.
        package: Where its keys go, `""` for the root.
        parent: The config that pulled it in.
        pull: What chose it; None for the primary config.
    """

    config_path: str
    package: str
    parent: str | None
    pull: Pull | None


class DefaultsRow(NamedTuple):
    """One row of the final defaults list, as `--info defaults` prints it.

    Attributes:
        config_path: `job/classifier`.
        package: Where its keys go, `""` for the root.
        parent: The config that pulled it in.
        is_self: Whether it is a config's own content, in its place among what it includes.
    """

    config_path: str
    package: str
    parent: str | None
    is_self: bool


class DefaultsBranch(NamedTuple):
    """A node of the tree of defaults lists.

    Attributes:
        text: `job: classifier`, `brevetti` or `_self_`.
        children: What its defaults list names, in order.
    """

    text: str
    children: tuple[DefaultsBranch, ...]


class TooManyLoadsError(HydraException):
    """Defaults lists lead to more files than anybody reads."""


class Repository(ConfigRepository):
    """Hydra's repository over given sources, with each config loaded once.

    Hydra's own finds its sources by a scan of all plugins, which costs more than a whole
    composition does, and lets any installed plugin in.
    """

    def __init__(self, sources: Sequence[ConfigSource], most_loads: int | None = None) -> None:
        # Before the first file is loaded or argument parsed: Hydra 1.3 settles for 1.1 when it is
        # asked before anybody has chosen.
        _choose_behaviour()
        self.sources = list(sources)
        # How often Hydra may ask in one go: defaults lists may name each other without end.
        self.most_loads = most_loads
        self.loads_left: int | None = None
        self._loaded: dict[str, ConfigResult | None] = {}

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Load a config from the first source that has it.

        Raises:
            TooManyLoadsError: The defaults lists lead to each other too often.
        """
        if self.loads_left is not None:
            self.loads_left -= 1
            if self.loads_left < 0:
                raise TooManyLoadsError
        if config_path not in self._loaded:
            loaded = super().load_config(config_path)
            for number, entry in enumerate((loaded and loaded.defaults_list) or ()):
                # Hydra plans with copies of these; the number tells of which.
                vars(entry)[NUMBER] = number
            self._loaded[config_path] = loaded
        return self._loaded[config_path]

    def forget(self, config_path: str) -> None:
        """Load a config anew when it is asked for again."""
        self._loaded.pop(config_path, None)

    def source_of(self, config_path: str) -> ConfigSource | None:
        """Find the source that serves a config."""
        return self._find_object_source(config_path, ObjectType.CONFIG)


def defaults_result(provider: str, path: str, defaults: Any, package: str | None) -> ConfigResult:
    """Give Hydra what it needs of a config: its defaults list and its package header."""
    config = OmegaConf.create({} if defaults is None else {"defaults": defaults})
    return ConfigResult(provider=provider, path=path, config=config, header={"package": package})


def parse_override(text: str) -> Override:
    """Read one argument by Hydra's grammar.

    Raises:
        OverrideParseException: It does not follow the grammar.
    """
    plain = _PLAIN.fullmatch(text)
    if plain is not None and plain["value"].lower() not in _WORDS:
        return _plain_override(plain)
    global _parser  # noqa: PLW0603 - built once, it costs 0.5 ms
    if _parser is None:
        _choose_behaviour()
        _parser = OverridesParser.create()
    try:
        return _parser.parse_overrides([text])[0]
    except ValueError as error:  # Python's own, about numbers of thousands of digits
        raise OverrideParseException(text, "a number in it is too long") from error
    except RecursionError as error:
        raise OverrideParseException(text, "it is nested too deep") from error


_parser: OverridesParser | None = None

# `lr=0.01`, `job=classifier`, `model.hidden=32`: what nearly every argument looks like. The grammar
# takes 4 ms for the first of them, while it builds its automata, and 1 ms for the next; this takes
# 10 us. A property test compares the two.
_PLAIN = re.compile(
    r"(?P<key>[A-Za-z_]\w*(?:(?:\.[A-Za-z_]\w*)+|(?:/[A-Za-z_]\w*)+)?)="
    r"(?P<value>(?P<word>[A-Za-z_]\w*)|(?P<float>-?(?:0|[1-9]\d{0,99})\.\d+)|-?(?:0|[1-9]\d{0,99}))",
    re.ASCII,
)
# Words that are values of another kind.
_WORDS = frozenset({"null", "true", "false", "nan", "inf"})


def _plain_override(plain: re.Match[str]) -> Override:
    text = plain["value"]
    value = text if plain["word"] else float(text) if plain["float"] else int(text)
    return Override(
        type=OverrideType.CHANGE,
        key_or_group=plain["key"],
        value_type=ValueType.ELEMENT,
        _value=value,
        input_line=plain[0],
    )


def is_quoted(override: Override) -> bool:
    """Whether the value stood in quotes."""
    return isinstance(override._value, QuotedString)  # noqa: SLF001 - the door


def plan_files(
    repository: Repository, primary: str, overrides: Sequence[Override]
) -> tuple[list[PlannedFile], dict[str, str | None]]:
    """Compute which files take part, lowest first, and the chosen option of each group.

    Raises:
        TooManyLoadsError: Files are asked for more often.
        COMPOSITION_FAULTS: The defaults list or a group override is wrong.
    """
    planned = _defaults_list(repository, primary, overrides)
    pulls = Pulls(repository, planned.overrides, overrides).walk(planned.defaults_tree)
    files = [
        PlannedFile(default.config_path or "", default.package or "", default.parent, pull)
        for default, pull in zip(planned.defaults, pulls, strict=True)
    ]
    return files, dict(planned.overrides.known_choices)


def describe_defaults(
    repository: Repository, primary: str, overrides: Sequence[Override]
) -> tuple[list[DefaultsRow], DefaultsBranch]:
    """Give the final defaults list, and the tree that it was made of.

    Raises:
        COMPOSITION_FAULTS: The defaults list or a group override is wrong.
    """
    planned = _defaults_list(repository, primary, overrides)
    rows = [
        DefaultsRow(row.config_path or "", row.package or "", row.parent, row.is_self)
        for row in planned.defaults
    ]
    return rows, _branch(planned.defaults_tree)


def _defaults_list(repository: Repository, primary: str, overrides: Sequence[Override]) -> Any:
    repository.loads_left = repository.most_loads
    try:
        return create_defaults_list(
            repo=repository,
            config_name=primary,
            overrides_list=list(overrides),
            prepend_hydra=False,
            skip_missing=False,
        )
    finally:
        repository.loads_left = None


def _branch(tree: Any) -> DefaultsBranch:
    """Take a DefaultsTreeNode, or the leaf of one, for ours."""
    node = getattr(tree, "node", tree)
    text = node.get_config_path() or ""
    if node.is_self():
        text = "_self_"
    elif hasattr(node, "get_override_key") and hasattr(node, "group"):
        text = f"{node.get_override_key()}: {node.get_name() or 'null'}"
    return DefaultsBranch(text, tuple(map(_branch, getattr(tree, "children", None) or ())))


def _choose_behaviour() -> None:
    """Ask Hydra 1.3 for its own behaviour, where it would fall back to that of 1.1."""
    base = getattr(version, "VersionBase", None)
    if base is None:
        return
    chosen = base.instance().getbase()
    # Hydra 1.4 knows its own behaviour only, names it as text, and warns whoever asks for one;
    # in 1.3 another value than a Version means that nobody has chosen yet.
    if not isinstance(chosen, str) and type(chosen).__name__ != "Version":
        version.setbase("1.3")
