"""Compose one set of choices after the other over one search path, and tell what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from brevetti_hydra._text import error_text
from brevetti_hydra.config.checking.findings import each_of, file_of
from brevetti_hydra.config.checking.mending import without_entries
from brevetti_hydra.config.command_line.overrides import Argument
from brevetti_hydra.config.command_line.spelling import quoted
from brevetti_hydra.config.compose import compose
from brevetti_hydra.config.files.search import Plan, plan
from brevetti_hydra.config.secrets import WrittenSecret, hide_by_look
from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.config.tree.origins import walk
from brevetti_hydra.config.validate import find_mistakes
from brevetti_hydra.errors import (
    BrevettiHydraError,
    InterpolationError,
    MissingSettingError,
    NoJobChosenError,
    NotAJobError,
    OverrideSyntaxError,
    UnknownSettingError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from brevetti_hydra.config.command_line.overrides import Request
    from brevetti_hydra.config.composition import Composition
    from brevetti_hydra.config.opened import Opened
    from brevetti_hydra.config.tree.documents import Document

__all__ = [
    "CHOICE_LABEL",
    "Choice",
    "Judge",
    "Outcome",
    "Unset",
    "choice_argument",
    "is_spelled",
]

# Where a choice stands that is made here; a report names the file instead.
CHOICE_LABEL = "the choice"
# What is asked for here are names of files, not overrides of a user.
_UNLIMITED = Budget()._replace(override_bytes=1 << 20)


class Choice(NamedTuple):
    """A group, or `group@package`, and the option that is chosen."""

    key: str
    option: str


class Unset(NamedTuple):
    """A variable of the environment that a value needs and that is not set."""

    variable: str
    error: InterpolationError


class Outcome(NamedTuple):
    """What one composition came to.

    Attributes:
        mistakes: What a run would end in.
        open_settings: Settings that a run has to give.
        unset: Variables of the environment that are not set.
        choices: Group -> chosen option.
        placed: The files that took part, each with its package.
        secrets: What YAML wrote of secrets.
        has_job: Whether a job was chosen and its class could be used.
        is_jobless: Whether the only thing missing is a choice of a job.
        doubts: Interpolations that do not resolve, perhaps because of what was left out.
        weights: By identity of a mistake, where it is not 1.
    """

    mistakes: tuple[BrevettiHydraError, ...] = ()
    open_settings: tuple[BrevettiHydraError, ...] = ()
    unset: tuple[Unset, ...] = ()
    choices: Mapping[str, str | None] = {}
    placed: frozenset[tuple[str, str]] = frozenset()
    secrets: tuple[WrittenSecret, ...] = ()
    has_job: bool = False
    is_jobless: bool = False
    doubts: int = 0
    weights: Mapping[int, int] = {}

    def weigh(self, mistake: BrevettiHydraError) -> int:
        """Tell how far off a mistake shows the choices to be: an unknown node counts its keys."""
        return self.weights.get(id(mistake), 1)


class _Template(NamedTuple):
    """A plan, and which of its files is the option that others may take the place of."""

    plan: Plan
    place: int

    @property
    def document(self) -> Document:
        return self.plan.files[self.place].document

    def with_option(self, document: Document, key: str, option: str) -> Plan:
        files = list(self.plan.files)
        files[self.place] = files[self.place]._replace(document=document)
        return Plan(files, {**self.plan.choices, key: option}, self.plan.values)


class Judge:
    """Composes and validates; nothing is written, and each set of choices is looked at once.

    Attributes:
        compositions: How many trees were composed.
        mended: Labels of files that do not take part as they are written.
    """

    def __init__(
        self,
        opened: Opened,
        request: Request,
        base: type,
        check_class: Callable[[type], object],
        on_step: Callable[[], object],
    ) -> None:
        """Begin.

        Args:
            opened: The search path.
            request: The line; its overrides are part of every composition.
            base: The class that a job must derive from.
            check_class: Raises where a class cannot be a job.
            on_step: Called before each composition.
        """
        self.compositions = 0
        self.mended: set[str] = set()
        self._opened = opened
        self._request = request
        self._base = base
        self._check_class = check_class
        self._on_step = on_step
        self._templates: dict[tuple[tuple[Choice, ...], str], _Template] = {}
        self._known: dict[tuple[Choice, ...], Outcome] = {}
        self._classes: dict[type, BrevettiHydraError | None] = {}

    def outcome(self, *choices: Choice) -> Outcome:
        """Compose and validate what some choices and the line make.

        Raises:
            OverrideSyntaxError: An option has a name that no command line can spell.
        """
        if choices not in self._known:
            self._on_step()
            self._known[choices] = self._composed(choices)
        return self._known[choices]

    def outcomes(self) -> list[tuple[tuple[Choice, ...], Outcome]]:
        """Give what was composed so far."""
        return list(self._known.items())

    def _composed(self, choices: tuple[Choice, ...]) -> Outcome:
        arguments = (*map(choice_argument, choices), *self._request.arguments)
        request = self._request._replace(arguments=arguments)
        faults: list[BrevettiHydraError] = []
        # What is left out of defaults lists comes back: with another job it may be right.
        changed: dict[str, Document] = {}
        composition: Composition | None = None
        chosen: Plan | None = None
        try:
            while composition is None:
                self.compositions += 1
                try:
                    chosen = self._plan(choices, request)
                    composition = compose(
                        request,
                        folder=self._opened.folder,
                        base=self._base,
                        opened=self._opened,
                        chosen=chosen,
                    )
                except BrevettiHydraError as error:
                    hide_by_look(error)
                    found = each_of([error])
                    faults += found
                    if not self._leave_out(found, changed):
                        break
            if chosen is not None and composition is not None and not faults:
                self._keep_template(choices, chosen)
            return self._judged(composition, faults)
        except Exception as error:  # noqa: BLE001 - a validator, a default: code of the job
            return Outcome(mistakes=(*faults, _crashed(error, composition)))
        finally:
            for config_path, document in changed.items():
                self._opened.search.exchange(config_path, document)

    def _plan(self, choices: tuple[Choice, ...], request: Request) -> Plan:
        """Find out which files take part: Hydra's part of the work, and the longest.

        Two options that choose nothing themselves and go into the same package stand at the same
        place among the same files.
        """
        search = self._opened.search
        if choices:
            *context, (key, option) = choices
            template = self._templates.get((tuple(context), key))
            path = f"{key.partition('@')[0]}/{option}"
            if template is not None and search.repository.config_exists(path):
                document = search.document(path)
                if not document.defaults and document.package == template.document.package:
                    return template.with_option(document, key, option)
        return plan(search, request.arguments)

    def _keep_template(self, choices: tuple[Choice, ...], chosen: Plan) -> None:
        if not choices:
            return
        *context, (key, option) = choices
        path = f"{key.partition('@')[0]}/{option}"
        document = self._opened.search.document(path)
        places = [n for n, file in enumerate(chosen.files) if file.document is document]
        # `- model_${optim}: x`: what takes part depends on other choices.
        is_fixed = all("${" not in str(file.document.defaults) for file in chosen.files)
        if len(places) == 1 and not document.defaults and is_fixed:
            self._templates[tuple(context), key] = _Template(chosen, places[0])

    def _leave_out(
        self, errors: Sequence[BrevettiHydraError], changed: dict[str, Document]
    ) -> bool:
        """Take the entries of defaults lists out that errors are about; tell whether one was."""
        search = self._opened.search
        places = {e.where.label for e in errors if e.where is not None and e.where.line is not None}
        files = {file_of(e.where) for e in errors}
        is_changed = False
        for config_path, document in search.loaded().items():
            if document.label not in files:
                continue
            wrong = [n for n, o in enumerate(document.defaults_origins) if o.label in places]
            if wrong and isinstance(document.defaults, list):
                changed.setdefault(config_path, document)
                search.exchange(config_path, without_entries(document, wrong))
                is_changed = True
        return is_changed

    def _judged(self, composition: Composition | None, faults: list[BrevettiHydraError]) -> Outcome:
        if composition is None:
            jobless = bool(faults) and isinstance(faults[-1], NoJobChosenError)
            rest = tuple(fault for fault in faults if not isinstance(fault, NoJobChosenError))
            return Outcome(mistakes=rest, is_jobless=jobless)
        unfit = self._unfit(composition)
        if unfit is not None:
            return Outcome(mistakes=(*faults, unfit), choices=composition.choices)
        labels = {document.label for document in composition.documents}
        is_mended = bool(faults) or not labels.isdisjoint(self.mended)
        mistakes, open_settings, unset, doubts = list(faults), [], [], 0
        for error in find_mistakes(composition):
            if isinstance(error, InterpolationError) and error.variable is not None:
                unset.append(Unset(error.variable, error))
            elif isinstance(error, MissingSettingError) and not _is_in_list(error):
                open_settings.append(error)
            elif is_mended and isinstance(error, InterpolationError):
                # What it refers to may have stood in what was left out.
                doubts += 1
            else:
                mistakes.append(error)
        return Outcome(
            tuple(mistakes),
            tuple(open_settings),
            tuple(unset),
            composition.choices,
            frozenset((file.document.label, file.package) for file in composition.planned),
            _written_secrets(composition),
            has_job=True,
            doubts=doubts,
            weights={id(mistake): _weight(mistake, composition) for mistake in mistakes},
        )

    def _unfit(self, composition: Composition) -> BrevettiHydraError | None:
        job_class = composition.job_class
        if job_class not in self._classes:
            self._classes[job_class] = None
            try:
                self._check_class(job_class)
            except BrevettiHydraError as error:
                target = composition.written.at(("job", "_target_"))
                if error.where is None and target is not None:
                    error.where = target.origin.place()
                self._classes[job_class] = error
        return self._classes[job_class]


def choice_argument(choice: Choice) -> Argument:
    """Make the argument of a choice, in quotes where the grammar needs them.

    Raises:
        OverrideSyntaxError: The grammar cannot spell it.
    """
    key, option = choice
    for text in (f"{key}={option}", f"{key}={quoted(option)}"):
        argument = Argument(text, CHOICE_LABEL, _UNLIMITED)
        parsed = argument.parsed
        if parsed is None or parsed.is_sweep_override() or parsed.value() != option:
            continue
        if parsed.key_or_group == key.partition("@")[0] and "${" not in option:
            return argument
    message = f"no command line can spell '{key}={option}'"
    raise OverrideSyntaxError(message)


def is_spelled(choice: Choice) -> bool:
    """Whether a command line can make a choice."""
    try:
        choice_argument(choice)
    except BrevettiHydraError:
        return False
    return True


def _is_in_list(error: MissingSettingError) -> bool:
    """Whether it is about an element of a list, of which no argument can give a part."""
    return any(isinstance(part, int) for part in error.key)


def _crashed(error: Exception, composition: Composition | None) -> NotAJobError:
    whose = "the job" if composition is None else f"'{composition.target}'"
    return NotAJobError(
        f"the settings of {whose} cannot be validated",
        notes=[f"{type(error).__name__}: {error_text(error)}"],
        hint="look for the cause in the job's own code: validators, defaults and types of settings",
    )


def _weight(mistake: BrevettiHydraError, composition: Composition) -> int:
    if not isinstance(mistake, UnknownSettingError):
        return 1
    node = composition.written.at(tuple(map(str, mistake.key)))
    if node is None or not node.children:
        return 1
    return 1 + sum(1 for _ in walk(node))


def _written_secrets(composition: Composition) -> tuple[WrittenSecret, ...]:
    return tuple(secret for secret in composition.secrets if secret.origin.kind == "yaml")
