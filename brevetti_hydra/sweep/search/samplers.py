"""What Optuna chooses points with, and ends trials by, as the `search` node says.

A sampler is made anew for each point, its seed drawn from the search's seed and the point's number:
a search that was killed and goes on chooses as if it had never stopped, and never repeats the
points of its beginning.
"""

from __future__ import annotations

import warnings
from random import Random
from typing import TYPE_CHECKING, Any

import optuna
from optuna.distributions import (
    BaseDistribution,
    CategoricalDistribution,
    FloatDistribution,
    IntDistribution,
)
from optuna.pruners import (
    BasePruner,
    HyperbandPruner,
    MedianPruner,
    NopPruner,
    PercentilePruner,
    SuccessiveHalvingPruner,
)
from optuna.samplers import (
    BaseSampler,
    CmaEsSampler,
    NSGAIISampler,
    QMCSampler,
    RandomSampler,
    TPESampler,
)

from brevetti_hydra._files import digest_bytes

if TYPE_CHECKING:
    from optuna import Study
    from optuna.trial import FrozenTrial

    from brevetti_hydra import sweep_nodes as nodes
    from brevetti_hydra.sweep.search.space import Space, SpaceAxis

__all__ = ["distribution_of", "make_pruner", "make_sampler"]

_SEED_DIGITS = 8


def distribution_of(axis: SpaceAxis) -> BaseDistribution:
    """Give an axis as Optuna describes it."""
    if axis.kind == "choice":
        return CategoricalDistribution(axis.choices)
    if axis.kind == "int":
        step = round(axis.step or 1)
        return IntDistribution(round(axis.low), round(axis.end), log=axis.log, step=step)
    return FloatDistribution(axis.low, axis.end, log=axis.log, step=axis.step)


def make_sampler(node: nodes.SearchNode, space: Space, number: int) -> BaseSampler:
    """Make what chooses one point.

    Args:
        node: The `search` node.
        space: What there is to choose from.
        number: The point's number.
    """
    with warnings.catch_warnings():
        # Parts of it are "experimental" in one version and not in the next.
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return _sampler(node, space, number)


def _sampler(node: nodes.SearchNode, space: Space, number: int) -> BaseSampler:
    chosen, seed = node.sampler, _seed_of(node.seed, number)
    if chosen.name == "random":
        return RandomSampler(seed=seed)
    if chosen.name == "grid":
        return _Grid(space, node.seed)
    if chosen.name == "cmaes":
        return CmaEsSampler(
            n_startup_trials=chosen.startup_trials, warn_independent_sampling=False, seed=seed
        )
    if chosen.name == "qmc":
        return _Sequence(space, chosen.sequence, node.seed, seed)
    if chosen.name == "nsga2":
        return NSGAIISampler(population_size=chosen.population, seed=seed)
    return TPESampler(
        n_startup_trials=chosen.startup_trials,
        multivariate=chosen.multivariate,
        # Without groups, settings that count only sometimes would be modelled each by itself.
        group=chosen.multivariate and space.has_conditions,
        # Points that are being tried count as bad ones: trials at the same time keep apart.
        constant_liar=True,
        seed=seed,
    )


def _seed_of(seed: int | None, number: int) -> int | None:
    if seed is None:
        return None
    return int(digest_bytes(f"{seed}:{number}".encode())[:_SEED_DIGITS], 16)


class _Grid(BaseSampler):
    """Every combination once, shuffled: point N of the search is combination N.

    Optuna's own counts axes that do not count, writes the whole grid to each trial, and ends a
    study in a way that is meant for its own loop.
    """

    def __init__(self, space: Space, seed: int | None) -> None:
        self._points = list(space.points())
        Random(seed or 0).shuffle(self._points)  # noqa: S311 - an order, and no secret

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Choose nothing together."""
        del study, trial
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Choose nothing together."""
        del study, trial, search_space
        return {}

    def sample_independent(
        self,
        study: Study,
        trial: FrozenTrial,
        param_name: str,
        param_distribution: BaseDistribution,
    ) -> Any:
        """Give the combination's value."""
        del study, param_distribution
        return self._points[trial.number % len(self._points)][param_name]


class _Sequence(QMCSampler):
    """A quasi-random sequence over all axes from the first point on.

    Optuna's own waits for a point that has ended, and takes its axes.
    """

    def __init__(
        self, space: Space, sequence: str, seed: int | None, number_seed: int | None
    ) -> None:
        super().__init__(
            qmc_type=sequence,
            # Unscrambled, the first point is the lowest corner. All points share the one seed.
            scramble=seed is not None,
            seed=seed,
            independent_sampler=RandomSampler(seed=number_seed),
            warn_independent_sampling=False,
        )
        takes_choices = int(optuna.__version__.partition(".")[0]) >= 5  # noqa: PLR2004
        self._own_axes = {
            key: distribution_of(axis)
            for key, axis in space.axes.items()
            if not axis.conditions and (takes_choices or axis.kind != "choice")
        }

    def infer_relative_search_space(
        self, study: Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Choose all axes together that always count."""
        del study, trial
        return self._own_axes


def make_pruner(node: nodes.SearchNode) -> BasePruner:
    """Make what ends hopeless trials."""
    chosen = node.pruner
    if chosen.name == "median":
        return MedianPruner(chosen.startup_trials, chosen.warmup_epochs)
    if chosen.name == "percentile":
        return PercentilePruner(chosen.percentile, chosen.startup_trials, chosen.warmup_epochs)
    if chosen.name == "successive_halving":
        return SuccessiveHalvingPruner(chosen.min_epochs, chosen.reduction)
    if chosen.name == "hyperband":
        return HyperbandPruner(chosen.min_epochs, chosen.max_epochs, chosen.reduction)
    return NopPruner()
