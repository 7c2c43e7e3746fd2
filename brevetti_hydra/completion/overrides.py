"""Candidates on a run's line: groups and their options, settings and their values."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from brevetti_hydra.completion.candidate import Candidate, Node
from brevetti_hydra.completion.conf import PRIMARY, Choices, Conf
from brevetti_hydra.completion.files import path_candidates
from brevetti_hydra.completion.folders import project_folder, shipped_folder
from brevetti_hydra.completion.tables import class_keys, project_sources

if TYPE_CHECKING:
    from collections.abc import Sequence

    from brevetti_hydra.completion.candidate import Place

__all__ = ["RunLine"]

_SIGNS = re.compile(r"\+\+|\+|~|")
_GROUP_CHOICE = re.compile(r"(?:\+\+|\+)?([\w/.-]+(?:@[\w.]+)?)=(.*)", re.DOTALL)
_MASK = "**********"
# A node that no class describes, as YAML writes it.
_UNKNOWN: Node = {}


class _Setting(NamedTuple):
    """A place of the tree: what the class says, and what the chosen files say."""

    node: Node
    written: Any


class RunLine:
    """The words of a run's line before the one that is typed."""

    def __init__(self, words: Sequence[str], place: Place, document: dict[str, Any]) -> None:
        """Read the words.

        Args:
            words: Those before the one that is typed, without program and command.
            place: Where the line is typed.
            document: What comes with the package.
        """
        self._words = words
        self._place = place
        self._document = document
        self.conf = Conf(place, self._folders())
        self._keys: dict[str, Node] | None = None
        self._chosen: Choices | None = None

    def keys(self, typed: str, *, sign: str = "", is_bare: bool = False) -> list[Candidate]:
        """Give the keys that may go on, one level at a time.

        Args:
            typed: The beginning of the key, without a sign.
            sign: What stands before it: `+`, `++`, `~`, `--`.
            is_bare: Whether the key alone is the word, as for `explain`.
        """
        head = typed.rpartition(".")[0]
        if "[" in typed:
            # What stands in quotes and brackets may hold any character.
            head = typed.partition("[")[0]
        parent = self._setting(_split(head))
        if parent is None:
            return []
        end = "" if is_bare or sign in {"~", "--"} else "="
        found = []
        for name, setting in self._below(parent).items():
            has_more = bool(self._below(setting)) or "value" in setting.node
            text = f"{sign}{_joined(head, name)}"
            if not has_more:
                found.append(Candidate(f"{text}{end}", _about(setting), is_open=bool(end)))
                continue
            found.append(Candidate(f"{text}.", _about(setting), is_open=True))
            if is_bare or sign == "~":
                found.append(Candidate(text, _about(setting)))
        return found

    def groups(self, typed: str, sign: str = "") -> list[Candidate]:
        """Give the groups, `job=`; with an `@`, the packages that a group may be put into."""
        if "@" in typed:
            group = typed.partition("@")[0]
            if group not in self.conf.groups():
                return []
            packages = ["_global_", "_here_", *self._node_names()]
            return [Candidate(f"{sign}{group}@{each}=", "", is_open=True) for each in packages]
        end = "" if sign == "~" else "="
        return [Candidate(f"{sign}{each}{end}", "", bool(end)) for each in self.conf.groups()]

    def words(self, typed: str) -> list[Candidate]:
        """Give what a word may become that is neither flag nor command."""
        sign = _SIGNS.match(typed)
        mark = sign[0] if sign else ""
        key, equals, value = typed[len(mark) :].partition("=")
        if equals and mark != "~":
            return self.values(f"{mark}{key}=", key, value)
        return [*self.groups(key, mark), *self.keys(key, sign=mark)]

    def values(self, before: str, key: str, typed: str) -> list[Candidate]:
        """Give the values of a group or setting.

        Args:
            before: What stands before the value in its word, `++lr=`, or nothing.
            key: The group or key.
            typed: The beginning of the value.
        """
        group = key.partition("@")[0]
        options = self.conf.options(group) if group and "." not in group else {}
        found = [Candidate(before + name, about) for name, about in options.items()]
        if group == "job":
            found += self._targets(before, typed)
        if found:
            return found
        path = _split(key)
        if path == ["job", "_target_"]:
            return self._targets(before, typed)
        setting = self._setting(path)
        return [] if setting is None else self._setting_values(before, setting, typed)

    def knows(self, key: str) -> bool:
        """Whether a key is one of the tree's, so that `--key` takes a value."""
        setting = self._setting(_split(key))
        return setting is not None

    def primary_names(self) -> list[Candidate]:
        """Give the names of primary configs."""
        return [Candidate(name) for name in self.conf.names()]

    def package_names(self, typed: str) -> list[Candidate]:
        """Give the nodes that `--package` may print."""
        return [*self.keys(typed, is_bare=True), Candidate("_global_")]

    def job_names(self) -> list[Candidate]:
        """Give the options of the group `job`."""
        return [Candidate(name, about) for name, about in self.conf.options("job").items()]

    def _setting_values(self, before: str, setting: _Setting, typed: str) -> list[Candidate]:
        node = setting.node
        if "secret" in node:
            return []
        default, written = node.get("default"), setting.written
        # Texts that no table knows may be secrets: then the value in the file is not shown.
        shown = written if isinstance(written, str) and node is not _UNKNOWN else None
        values = list(node.get("values", ()))
        # Interpolations are no hint, and what stands before an `@` in a URL is a password.
        if not values and shown is not None and not re.search(r"\$\{|@", shown):
            values.append(shown)
        if default is not None and default not in values and "path" not in node:
            values.append(default)
        found = [
            Candidate(before + value, _value_about(value, node, shown))
            for value in values
            if value and value != _MASK
        ]
        if "path" in node:
            is_folder = node["path"] == "folder"
            found += path_candidates(before, typed, self._place, folders_only=is_folder)
        return found

    def _targets(self, before: str, typed: str) -> list[Candidate]:
        """Give modules of the project, and behind a colon the Job classes of one."""
        sources = project_sources(self._place)
        module, colon, _ = typed.partition(":")
        if colon:
            return [
                Candidate(f"{before}{module}:{name}", about)
                for name, about in sources.job_classes(module)
            ]
        if not typed:
            return []
        found = []
        for name, is_package in sources.modules(typed):
            if is_package:
                found.append(Candidate(f"{before}{name}.", "package", is_open=True))
            elif sources.job_classes(name):
                found.append(Candidate(f"{before}{name}:", "module", is_open=True))
        return found

    def _below(self, setting: _Setting) -> dict[str, _Setting]:
        """Give what lies below a place: known keys first, then those that files write."""
        node, written = setting.node, setting.written
        inner = written if isinstance(written, dict) else {}
        keys = dict(node.get("keys", {}))
        if "variants" in node:
            tag = inner.get(node["tag"]) or node.get("default")
            variants = node["variants"]
            keys = dict(variants.get(self._given(node) or tag) or _all_keys(variants))
            if node["tag"] in keys:
                # Each variant knows its own name alone.
                keys[node["tag"]] = {
                    **keys[node["tag"]],
                    "type": " | ".join(map(repr, variants)),
                    "values": list(variants),
                    "default": node.get("default"),
                }
        found = {name: _Setting(each, inner.get(name)) for name, each in keys.items()}
        if "keys" not in node and "variants" not in node:
            for name, each in inner.items():
                found.setdefault(name, _Setting(node.get("value", _UNKNOWN), each))
        return found

    def _given(self, node: Node) -> str | None:
        """Give the variant of a union that an earlier word of the line chooses."""
        path = node.get("path_of")
        if path is None:
            return None
        return self._assigned().get(f"{path}.{node['tag']}")

    def _setting(self, path: Sequence[str]) -> _Setting | None:
        setting = self._root()
        walked: list[str] = []
        for part in path:
            walked.append(part)
            below = self._below(setting)
            if part in below:
                setting = below[part]
            elif "value" in setting.node:
                setting = _Setting(setting.node["value"], None)
            else:
                return None
            if "variants" in setting.node:
                setting = _Setting({**setting.node, "path_of": ".".join(walked)}, setting.written)
        return setting

    def _root(self) -> _Setting:
        if self._keys is None:
            reserved = self._document["reserved"]
            self._keys = {**self._job_keys(), **reserved}
        return _Setting({"keys": self._keys}, self._choices().tree)

    def _job_keys(self) -> dict[str, Node]:
        tree = self._choices().tree
        job = tree.get("job")
        written = job.get("_target_") if isinstance(job, dict) else None
        chosen = self._choices().options.get("job", "")
        target = self._assigned().get("job._target_") or written
        if not target and re.search(r"[.:]", chosen):
            target = chosen
        keys = class_keys(target, self._place, self._document) if isinstance(target, str) else {}
        if keys:
            return keys
        # Nothing is known of the class: what the chosen files say is better than nothing.
        reserved = self._document["reserved"]
        own = {"defaults", "hydra", "config_version", *reserved}
        return {name: _UNKNOWN for name in tree if name not in own} if target else {}

    def _choices(self) -> Choices:
        if self._chosen is None:
            groups = set(self.conf.groups())
            given = {}
            for word in self._words:
                found = _GROUP_CHOICE.fullmatch(word)
                if found and found[1].partition("@")[0] in groups:
                    given[found[1]] = found[2]
                elif word.startswith("~") and word[1:].partition("=")[0] in groups:
                    given[word[1:].partition("=")[0]] = ""
            primary = self._flag("-cn", "--config-name") or PRIMARY
            self._chosen = self.conf.choices(primary.removesuffix(".yaml"), given)
        return self._chosen

    def _assigned(self) -> dict[str, str]:
        """Give what earlier words set, by key."""
        found = {}
        for index, word in enumerate(self._words):
            key, equals, value = word.lstrip("+").partition("=")
            if equals and not key.startswith("-"):
                found[key] = value
            elif key.startswith("--") and equals:
                found[key[2:]] = value
            elif key.startswith("--") and index + 1 < len(self._words):
                found[key[2:]] = self._words[index + 1]
        return found

    def _node_names(self) -> list[str]:
        return [name for name, each in self._below(self._root()).items() if self._below(each)]

    def _flag(self, *names: str) -> str | None:
        """Give the last value of a flag among the words."""
        value = None
        for index, word in enumerate(self._words):
            name, equals, text = word.partition("=")
            if name in names:
                value = text if equals else next(iter(self._words[index + 1 : index + 2]), None)
        return value

    def _folders(self) -> list[str]:
        start = self._place.folder
        named = [self._flag("-cp", "--config-path"), self._flag("-cd", "--config-dir")]
        folders = []
        if named[0] is None:
            own = (os.path.join(each, "conf") for each in (start, project_folder(start)))
            folders += [next((each for each in own if os.path.isdir(each)), None)]
        folders += named
        for word in self._words:
            if word.startswith("hydra.searchpath=["):
                folders += [
                    each.strip().strip("'\"").removeprefix("file://")
                    for each in word.partition("=")[2].strip("[]").split(",")
                ]
        found: dict[str, str] = {}
        for folder in (*folders, shipped_folder()):
            if folder and "://" not in folder:
                path = os.path.join(start, os.path.expanduser(folder))
                found.setdefault(os.path.realpath(path), path)
        return list(found)


def _split(key: str) -> list[str]:
    """Split `a.b['any text']` into its keys."""
    parts = re.findall(r"\['([^']*)'\]|\[\"([^\"]*)\"\]|([^.\[\]]+)", key)
    return [single or double or plain for single, double, plain in parts]


def _joined(head: str, name: str) -> str:
    """Write a key below another; one that the grammar cannot spell stands in brackets."""
    if re.fullmatch(r"[\w-]+", name):
        return f"{head}.{name}" if head else name
    return f"{head}['{name}']"


def _all_keys(variants: dict[str, dict[str, Node]]) -> dict[str, Node]:
    return {name: node for keys in reversed(variants.values()) for name, node in keys.items()}


def _about(setting: _Setting) -> str:
    node = setting.node
    if "keys" in node or "variants" in node:
        return str(node.get("text", ""))
    facts = [node[name] for name in ("type", "bounds") if node.get(name)]
    if "required" in node:
        facts.append("required")
    elif node.get("default") is not None:
        facts.append(f"default {node['default']}" if node["default"] else 'default ""')
    kind = ", ".join(facts)
    return f"{node['text']} ({kind})" if kind and node.get("text") else node.get("text", "") or kind


def _value_about(value: str, node: Node, written: str | None) -> str:
    facts = []
    if written is not None and value == written:
        facts.append("set in YAML")
    if value == node.get("default"):
        facts.append("default")
    if facts and not node.get("values") and node.get("bounds"):
        facts.append(f"{node['type']} {node['bounds']}")
    return ", ".join(facts)
