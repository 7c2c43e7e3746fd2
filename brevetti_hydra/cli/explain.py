"""`brevetti-hydra explain [overrides] [KEY ...]`: where each value comes from."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from brevetti_hydra._text import plural
from brevetti_hydra.cli.arguments import LineParser
from brevetti_hydra.completion.keep import keep_settings
from brevetti_hydra.errors import BrevettiHydraError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from brevetti_hydra.cli.reply import Reply
    from brevetti_hydra.config import Composition, Request
    from brevetti_hydra.config.explaining.explanation import Explanation
    from brevetti_hydra.config.opened import Opened

__all__ = ["build_parser", "execute"]


def build_parser() -> LineParser:
    """Describe the command's arguments."""
    return LineParser(
        "explain",
        "Say of each value where it comes from: who wrote it, then what that replaced.",
        usage="%(prog)s [KEY=VALUE ...] [KEY ...]",
        epilog=(
            "KEY=VALUE is the line of a run; KEY is what to explain: lr, model, job.datasets,\n"
            "weights['any text'], boxes[0].hidden. Without a KEY, all settings are explained.\n"
            "Nothing is run, and nothing is written."
        ),
    )


def execute(arguments: argparse.Namespace, reply: Reply) -> int:
    """Explain the settings of a line, also of one that is wrong.

    Returns:
        0, or 2 where a key is not there, or where a run would end in an error; that is reported.
    """
    from brevetti_hydra.cli.explanations import explanations_text

    request: Request = arguments.request
    if request.flags.json is not None:
        reply.json = request.flags.json
    composition = _composed(request, reply)
    explanations, problems = _explained(composition, request.keys)
    if explanations and reply.json is None:
        reply.say(explanations_text(explanations))
    elif not explanations and not problems:
        reply.say(f"the job '{composition.job_name}' has no settings")
    problems += _mistakes(composition)
    for problem in problems:
        reply.add_error(problem)
    if reply.json is not None:
        reply.answer(_document(composition, explanations))
    return max((problem.exit_code for problem in problems), default=0)


def _composed(request: Request, reply: Reply) -> Composition:
    # Imported here: `--help` needs nothing of it.
    from brevetti_hydra.config import compose
    from brevetti_hydra.config.opened import Opened
    from brevetti_hydra.job import Job
    from brevetti_hydra.opening import read_info

    folder = Path.cwd()
    info = read_info(request, folder)
    opened = Opened(request, folder)
    if request.flags.multirun:
        request = _first_trial(request, opened, reply)
    composition = compose(request, folder=folder, base=Job, info=info, opened=opened)
    keep_settings(composition.job_class, composition.target, folder)
    return composition


def _first_trial(request: Request, opened: Opened, reply: Reply) -> Request:
    """Give the line of a sweep's first trial, and say what the others have."""
    from brevetti_hydra.sweep.planning.axes import read_axes

    axes = read_axes(request, opened.search.repository.get_group_options, opened.project.budget)
    point = axes.first()
    for axis in axes.axes:
        keys = ", ".join(f"'{key}'" for key in axis.keys)
        told = f"the first of {plural(len(axis.choices), 'choice')}"
        if not axis.choices:
            told = "what it is before a search chooses"
        reply.notice(f"{axis.origin.label}: trials differ in {keys}; explained is {told}")
    return request._replace(arguments=(*point.arguments, *axes.of_sweep))


def _explained(
    composition: Composition, keys: Sequence[str]
) -> tuple[list[Explanation], list[BrevettiHydraError]]:
    """Explain what is there of the keys; of each other one, give the error."""
    from brevetti_hydra.config.explaining.explain import explain

    if not keys:
        return explain(composition), []
    found: dict[str, Explanation] = {}
    problems: list[BrevettiHydraError] = []
    for key in dict.fromkeys(keys):
        try:
            found |= {each.key: each for each in explain(composition, [key])}
        except BrevettiHydraError as error:
            problems.append(error)
    return list(found.values()), problems


def _mistakes(composition: Composition) -> list[BrevettiHydraError]:
    """Give what a run of the same line would end in."""
    from brevetti_hydra.config import validate
    from brevetti_hydra.job_class import check_job_class

    try:
        check_job_class(composition.job_class)
        validate(composition)
    except BrevettiHydraError as error:
        return [error]
    return []


def _document(composition: Composition, explanations: Sequence[Explanation]) -> dict[str, Any]:
    return {
        "target": composition.target,
        "choices": composition.choices,
        "sources": [document.label for document in composition.documents],
        "keys": [_plain(each) for each in explanations],
    }


def _plain(value: Any) -> Any:
    """Turn named tuples into mappings, at every depth; what somebody wrote is left as it is."""
    if hasattr(value, "_asdict"):
        return {
            name: part if name in {"value", "fallback"} else _plain(part)
            for name, part in value._asdict().items()
        }
    return list(map(_plain, value)) if isinstance(value, tuple) else value
