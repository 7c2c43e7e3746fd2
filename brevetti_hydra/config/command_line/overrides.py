"""The command line as typed values: overrides, container arguments, flags.

Three forms are told apart by their look alone, before anything is known about the job:

- `key=value`, `+key=value`, `++key=value`, `~key`: Hydra's override grammar.
- `--key value`, `--key=value`, `--key`: a literal setting, or a container argument.
- the harness's own flags, by exact name, never abbreviated.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Literal, NamedTuple

from pydantic import SecretStr

from brevetti_hydra._masks import MASK, Masking
from brevetti_hydra._text import shorten, similar_name
from brevetti_hydra.config import _hydra
from brevetti_hydra.config.command_line.keys import split_text
from brevetti_hydra.config.safety.masks import masked_argument
from brevetti_hydra.config.tree.budget import Budget, check_override
from brevetti_hydra.config.tree.origins import Origin
from brevetti_hydra.errors import OverrideSyntaxError, UsageError
from brevetti_hydra.settings import CONTAINER_ARGUMENTS

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Argument", "Flags", "Request", "read_argv", "read_overrides", "split_key"]

# A sign, a key in which quoted parts may hold anything, and a value.
_OVERRIDE = re.compile(
    r"(~|\+\+|\+)?\s*((?:\[(?:'[^']*'|\"[^\"]*\")\]|[^=])+?)\s*(?:=(.*))?", re.DOTALL
)
# The same key after two dashes.
_LITERAL = re.compile(r"--((?:\[(?:'[^']*'|\"[^\"]*\")\]|[^=])+)(?:=(.*))?", re.DOTALL)
_JOB_ID_NAMES = ("job_id", "model_id", "test_id")


class Argument:
    """One override.

    Attributes:
        origin: `argument 2: lr=abc`, as it may be shown.
        text: As given.
        shown: The text as errors and records write it.
        is_hidden: Whether its value is a secret.
        sign: `""`, `+`, `++` or `~`.
        key: As given, without the sign.
        value: The text after `=`; None where there was none.
        given: The same as it was given, where migrations changed it.
        is_literal: Whether it was written `--key value`.
        parsed: What Hydra's grammar makes of it; None for literals and where it does not parse.
        fault: Why it does not parse.
        words: The words of the line that it was made of.
    """

    __slots__ = (
        "fault",
        "given",
        "is_hidden",
        "is_literal",
        "key",
        "origin",
        "parsed",
        "shown",
        "sign",
        "text",
        "value",
        "words",
    )

    def __init__(self, text: str, label: str, budget: Budget) -> None:
        """Read one argument.

        Raises:
            OverrideSyntaxError: It is no override.
            OverBudgetError: It is over the budget.
        """
        self.text, self.shown, self.is_hidden = text, masked_argument(text), False
        self.words: tuple[str, ...] = (text,)
        self.origin = Origin("argument", f"{label}: {self.shown}")
        self.is_literal = False
        self.parsed: _hydra.Override | None = None
        self.fault: str | None = None
        # An argument that is too long is not printed, either.
        check_override(text, f"{label}: {shorten(text.partition('=')[0], 40)}=...", budget)
        found = _OVERRIDE.fullmatch(text)
        if found is None or (found.group(3) is None and found.group(1) != "~"):
            from brevetti_hydra.config.command_line.spelling import no_override

            raise no_override(self)
        self.sign: str = found.group(1) or ""
        self.key: str = found.group(2).strip()
        self.value: str | None = found.group(3)
        self.given = self.value
        try:
            self.parsed = _parse(text, self)
        except _hydra.OverrideParseException as error:
            from brevetti_hydra.config.command_line.spelling import fault_of

            self.fault = fault_of(str(error), text)

    @classmethod
    def literal(
        cls, key: str, value: str | None, text: str, label: str, budget: Budget
    ) -> Argument:
        """Make one of `--key value`; without a value it means true."""
        argument = cls.__new__(cls)
        argument.text, argument.key, argument.value = text, key, value
        argument.given = value
        argument.shown, argument.is_hidden = masked_argument(text), False
        argument.words = (text,)
        argument.origin = Origin("argument", f"{label}: {argument.shown}")
        check_override(text, argument.origin.label, budget)
        argument.sign, argument.is_literal = "", True
        argument.parsed = argument.fault = None
        return argument

    @property
    def word(self) -> str:
        """The same as one word of a line, whatever stands behind it; as it may be shown."""
        if not self.is_literal or "=" in self.words[0]:
            return self.shown
        if self.value is None:
            return f"{self.shown}=true"
        return self.shown.replace(f"{self.words[0]} ", f"{self.words[0]}=", 1)

    def show(self, *, hidden: bool) -> None:
        """Show the value from now on, or hide it: the job's class has said what it is."""
        self.is_hidden = hidden and bool(self.value)
        self.shown = Masking().text(self.text)
        if self.is_hidden:
            self.shown = f"{self.text.removesuffix(self.given or '')}{MASK}"
        # All places of its values in the tree share this origin.
        self.origin.label = f"{self.origin.label.partition(': ')[0]}: {self.shown}"


class Flags(NamedTuple):
    """The harness's own flags.

    Attributes:
        help: `-h`, `--help`.
        version: `--version`.
        info: `-i`, `--info`: how the configuration was put together.
        cfg: `-c`, `--cfg`: print the composed configuration (`job`, `hydra` or `all`).
        resolve: `--resolve`: with `--cfg`, interpolations resolved.
        package: `-p`, `--package`: with `--cfg`, only this node.
        multirun: `-m`, `--multirun`.
        config_name: `-cn`, `--config-name`.
        config_path: `-cp`, `--config-path`.
        config_dir: `-cd`, `--config-dir`.
        dry_run: `--dry-run`: of a sweep, print what would run.
        debug: `--debug`.
        json: `--json` (`document`) or `--json=lines`.
        traceback: `--traceback`.
        allow_lossy: `--allow-lossy`: migrate also where something is lost.
    """

    help: bool = False
    version: bool = False
    info: str | None = None
    cfg: str | None = None
    resolve: bool = False
    package: str | None = None
    multirun: bool = False
    config_name: str | None = None
    config_path: str | None = None
    config_dir: str | None = None
    dry_run: bool = False
    debug: bool = False
    json: Literal["document", "lines"] | None = None
    traceback: bool = False
    allow_lossy: bool = False


class Request(NamedTuple):
    """A command line, read.

    Attributes:
        arguments: The overrides, in order.
        container: Container arguments by name, `job_id` for all three names of an id.
        api_key: The key, from `--api_key`.
        flags: The harness's own flags.
        keys: Words that name keys, where the command takes such.
        word_count: How many words the line had.
    """

    arguments: tuple[Argument, ...]
    container: dict[str, str]
    api_key: SecretStr | None
    flags: Flags
    keys: tuple[str, ...] = ()
    word_count: int = 0


# Flag -> (field, takes a value: "no", "must", "may").
_FLAGS: dict[str, tuple[str, str]] = {
    "-h": ("help", "no"),
    "--help": ("help", "no"),
    "--version": ("version", "no"),
    "-i": ("info", "may"),
    "--info": ("info", "may"),
    "-c": ("cfg", "must"),
    "--cfg": ("cfg", "must"),
    "--resolve": ("resolve", "no"),
    "-p": ("package", "must"),
    "--package": ("package", "must"),
    "-m": ("multirun", "no"),
    "--multirun": ("multirun", "no"),
    "-cn": ("config_name", "must"),
    "--config-name": ("config_name", "must"),
    "-cp": ("config_path", "must"),
    "--config-path": ("config_path", "must"),
    "-cd": ("config_dir", "must"),
    "--config-dir": ("config_dir", "must"),
    "--dry-run": ("dry_run", "no"),
    "--debug": ("debug", "no"),
    "--json": ("json", "may"),
    "--traceback": ("traceback", "no"),
    "--allow-lossy": ("allow_lossy", "no"),
}
# What a flag with an optional value takes, its default first.
_CHOICES: dict[str, tuple[str, ...]] = {
    "info": ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath"),
    "json": ("document", "lines"),
    "cfg": ("job", "hydra", "all"),
}


def read_argv(
    argv: Sequence[str], budget: Budget | None = None, *, takes_keys: bool = False
) -> Request:
    """Read a command line.

    Args:
        argv: The arguments without the program's name.
        budget: Limits on each override.
        takes_keys: Whether a word without `=` names a key; else it is an error.

    Raises:
        UsageError: A flag lacks its value, has one it does not take, or ids contradict each other.
        OverrideSyntaxError: An argument is neither flag nor override.
        OverBudgetError: An override is over the budget.
    """
    return _Reader(argv, budget or Budget(), takes_keys=takes_keys).read()


def read_overrides(overrides: Sequence[str], budget: Budget | None = None) -> tuple[Argument, ...]:
    """Read a list of overrides that code gives; raises as `read_argv`."""
    limits = budget or Budget()
    return tuple(
        Argument(text, f"override {number}", limits) for number, text in enumerate(overrides, 1)
    )


def split_key(argument: Argument) -> tuple[str, ...]:
    """Split `a.b['any text']` into its keys.

    Raises:
        OverrideSyntaxError: The key is not well-formed, or indexes a list.
    """
    keys = split_text(argument.key)
    if keys is None:
        from brevetti_hydra.config.command_line.spelling import wrong_key

        raise wrong_key(argument)
    return keys


class _Reader:
    """Walks an argv once, from left to right."""

    def __init__(self, argv: Sequence[str], budget: Budget, *, takes_keys: bool) -> None:
        self._argv = list(argv)
        self._takes_keys = takes_keys
        self._keys: list[str] = []
        self._budget = budget
        self._position = 0
        self._arguments: list[Argument] = []
        self._container: dict[str, str] = {}
        self._flags: dict[str, object] = {}

    def read(self) -> Request:
        while self._position < len(self._argv):
            self._take(self._argv[self._position])
        container = self._container
        api_key = container.pop("api_key", None)
        return Request(
            tuple(self._arguments),
            container,
            None if api_key is None else SecretStr(api_key),
            Flags(**self._flags),  # type: ignore[arg-type]
            tuple(self._keys),
            len(self._argv),
        )

    def _take(self, text: str) -> None:
        number = self._position + 1
        self._position += 1
        name, equals, value = text.partition("=")
        if name in _FLAGS:
            self._take_flag(name, value if equals else None)
        elif text.startswith("--") and (literal := _LITERAL.fullmatch(text)):
            self._take_literal(literal[1], literal[2], text, number)
        elif re.fullmatch(r"-[A-Za-z]\w*", name):
            raise _unknown_flag(name, text, self._peek())
        else:
            self._take_override(text, number)

    def _take_override(self, text: str, number: int) -> None:
        words = self._joined(text)
        text = words[0] if len(words) == 1 else _as_one(words)
        if self._takes_keys and "=" not in text and text[:1] not in {"~", "-", ""}:
            self._keys.append(text)
            return
        try:
            argument = Argument(text, f"argument {number}", self._budget)
        except OverrideSyntaxError as error:
            before = self._argv[number - 2] if number > 1 else ""
            if len(before) > 1 and before.endswith("=") and before.count("=") == 1:
                whole = f"{before[:-1].strip()}={text}"
                error.hint = f"write it as one word: {masked_argument(whole)}"
            raise
        argument.words = tuple(words)
        self._arguments.append(argument)

    def _joined(self, text: str) -> list[str]:
        """Take the words that a shell made of one override: `lr = 0.01`, `layers=[1, 2]`."""
        value = text.partition("=")[2].lstrip()
        is_open = value[:1] in {"[", "{"} and _is_open(value)
        following = self._peek()
        if following is None or not (is_open or following.startswith("=")):
            return [text]
        from brevetti_hydra.config.command_line.spelling import joined_words

        count = joined_words(self._argv[self._position - 1 :])
        words = self._argv[self._position - 1 : self._position - 1 + count]
        self._position += count - 1
        return words

    def _take_flag(self, name: str, value: str | None) -> None:
        field, takes = _FLAGS[name]
        if takes == "no":
            if value is not None:
                message = f"'{name}' takes no value"
                raise UsageError(message)
            self._flags[field] = True
            return
        choices = _CHOICES.get(field)
        if (value is None and takes == "must") or (
            value is None and choices and self._peek() in choices
        ):
            value = self._next(name)
        if field == "info" and value is None and re.fullmatch(r"[a-z][a-z-]*", self._peek() or ""):
            value = self._next(name)  # a mistyped one
        if choices:
            value = value or choices[0]
            if value not in choices:
                message = f"'{name}' does not take '{value}'"
                raise UsageError(message, hint=f"it takes {', '.join(choices)}")
        self._flags[field] = value

    def _take_literal(self, key: str, value: str | None, text: str, number: int) -> None:
        following = self._peek()
        if value is None and following is not None and not _looks_like_flag(following):
            value = self._next(text)
            text = f"{text} {value}"
        name = key.replace("-", "_") if key.replace("-", "_") in CONTAINER_ARGUMENTS else key
        if name not in CONTAINER_ARGUMENTS:
            label = f"argument {number}"
            argument = Argument.literal(key, value, text, label, self._budget)
            argument.words = tuple(self._argv[number - 1 : self._position])
            self._arguments.append(argument)
            return
        if value is None:
            message = f"'--{key}' needs a value"
            raise UsageError(message)
        self._take_container(name, value)

    def _take_container(self, name: str, value: str) -> None:
        field = "job_id" if name in _JOB_ID_NAMES else name
        known = self._container.get(field)
        if known is not None and known != value:
            if field == "api_key":
                message = "'--api_key' is given twice, with different values"
            else:
                message = f"'--{name} {value}' contradicts '{known}', given before"
            raise UsageError(message, hint="name the job once")
        self._container[field] = value

    def _peek(self) -> str | None:
        return self._argv[self._position] if self._position < len(self._argv) else None

    def _next(self, name: str) -> str:
        value = self._peek()
        if value is None:
            message = f"'{name}' needs a value"
            raise UsageError(message)
        self._position += 1
        return value


def _looks_like_flag(text: str) -> bool:
    """Whether a text starts a new argument; a negative number does not.

    `job=...` does: after a bare `--shuffle` it is far more likely than a text of that form.
    """
    return text.startswith(("--", "job=")) or text.partition("=")[0] in _FLAGS


def _is_open(value: str) -> bool:
    return value.count("[") + value.count("{") > value.count("]") + value.count("}")


def _as_one(words: Sequence[str]) -> str:
    """Write the words of one override as one word."""
    if "=" in words[0]:
        return " ".join(words)
    return words[0] + " ".join(words[1:]).replace("= ", "=", 1)


def _parse(text: str, argument: Argument) -> _hydra.Override:
    try:
        return _hydra.parse_override(text)
    except _hydra.OverrideParseException:
        if argument.value is None:
            raise
        key = argument.key
        # Keys that the grammar cannot spell are ours to read; their values are still its.
        if not re.fullmatch(r"[\w$./@:-]+", key, re.ASCII):
            key = "key"
        plain = f"{argument.sign}{key}={argument.value.strip()}"
        if plain == text:
            raise
        return _hydra.parse_override(plain)


def _unknown_flag(name: str, text: str, following: str | None) -> UsageError:
    from brevetti_hydra.config.command_line.spelling import flag_hint

    nearest = similar_name(name, _FLAGS)
    hint = f"a similar name exists: '{nearest}'" if nearest else "see --help"
    is_setting = re.fullmatch(r"-[A-Za-z]\w+", name) is not None and nearest is None
    as_setting = flag_hint(masked_argument(text), following) if is_setting else None
    return UsageError(f"there is no flag '{name}'", hint=as_setting or hint)
