"""The reserved nodes of sweeps, `sweep`, `search` and `launcher`, apart from those of every run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator

from brevetti_hydra.settings import _Node

__all__ = [
    "CmaEsSampler",
    "Direction",
    "GridSampler",
    "HalvingPruner",
    "HyperbandPruner",
    "LauncherNode",
    "MedianPruner",
    "NoPruner",
    "NsgaiiSampler",
    "PercentilePruner",
    "QmcSampler",
    "RandomSampler",
    "SearchNode",
    "SweepNode",
    "TpeSampler",
]

Direction = Literal["minimize", "maximize"]


class SweepNode(_Node):
    """The `sweep` node: how the trials of a sweep are made, and when they are enough."""

    zip: list[list[str]] = Field(
        default=[], description="groups of swept keys that advance together, as pairs"
    )
    repeat: int = Field(1, ge=1, description="trials of each point, with seeds one apart")
    file: str | None = Field(
        None, description="file of override lines, one point of the sweep each"
    )
    objective: str | list[str] | None = Field(
        None, description="metric to optimise, or several; default: the job's `objective`"
    )
    direction: Direction | list[Direction] | None = Field(
        None, description="of each objective; default: the job's `direction`, else minimize"
    )
    on_failure: Literal["continue", "stop"] = Field(
        "continue", description="whether a failed trial ends the sweep"
    )
    max_failures: int | None = Field(
        None, ge=0, description="failed trials after which the sweep ends; default: no limit"
    )
    retries: int = Field(0, ge=0, description="new attempts of a failed trial, at once")
    timeout_s: float | None = Field(
        None, gt=0, description="seconds that an attempt may take; then it has failed"
    )
    max_trials: int | None = Field(
        None, ge=1, description="trials to run before the sweep ends; `resume` runs more"
    )
    max_time_s: float | None = Field(
        None, gt=0, description="seconds after which no more trials begin; `resume` goes on"
    )
    code: Literal["frozen", "current"] = Field(
        "frozen", description="whether the job's source may change while the sweep runs"
    )


class _Sampler(_Node):
    """What chooses the next point of a search."""


class TpeSampler(_Sampler):
    """Tree-structured Parzen estimator: models good and bad points; the default."""

    name: Literal["tpe"] = "tpe"
    startup_trials: int = Field(10, ge=0, description="random points before the model is used")
    multivariate: bool = Field(False, description="model the settings jointly")


class RandomSampler(_Sampler):
    """Independent random points."""

    name: Literal["random"] = "random"


class GridSampler(_Sampler):
    """Every combination, in a random order; intervals need a step."""

    name: Literal["grid"] = "grid"


class CmaEsSampler(_Sampler):
    """Covariance matrix adaptation, for numbers (extra `optuna`)."""

    name: Literal["cmaes"] = "cmaes"
    startup_trials: int = Field(1, ge=0, description="random points before it adapts")


class QmcSampler(_Sampler):
    """Quasi-Monte Carlo: points that fill the space evenly."""

    name: Literal["qmc"] = "qmc"
    sequence: Literal["sobol", "halton"] = Field("sobol", description="which sequence")


class NsgaiiSampler(_Sampler):
    """NSGA-II: a genetic search for several objectives."""

    name: Literal["nsga2"] = "nsga2"
    population: int = Field(50, ge=2, description="points of a generation")


class NoPruner(_Node):
    """Every trial runs to its end."""

    name: Literal["none"] = "none"


class MedianPruner(_Node):
    """Ends trials that are worse than the median of earlier ones at the same epoch."""

    name: Literal["median"] = "median"
    startup_trials: int = Field(5, ge=0, description="trials before any is pruned")
    warmup_epochs: int = Field(0, ge=0, description="epochs that each trial may run")


class PercentilePruner(_Node):
    """Ends trials that are not among the best share of earlier ones at the same epoch."""

    name: Literal["percentile"] = "percentile"
    percentile: float = Field(25.0, ge=0, le=100, description="share that goes on, in percent")
    startup_trials: int = Field(5, ge=0, description="trials before any is pruned")
    warmup_epochs: int = Field(0, ge=0, description="epochs that each trial may run")


class HalvingPruner(_Node):
    """Successive halving, asynchronously: at each rung the best share goes on."""

    name: Literal["successive_halving"] = "successive_halving"
    min_epochs: int | Literal["auto"] = Field("auto", description="epochs before the first rung")
    reduction: int = Field(4, ge=2, description="one of so many goes on")


class HyperbandPruner(_Node):
    """Hyperband: several successive halvings with other first rungs."""

    name: Literal["hyperband"] = "hyperband"
    min_epochs: int = Field(1, ge=1, description="epochs before the first rung")
    max_epochs: int | Literal["auto"] = Field("auto", description="epochs of a whole trial")
    reduction: int = Field(3, ge=2, description="one of so many goes on")


class SearchNode(_Node):
    """The `search` node: what chooses the points of a sweep."""

    kind: Literal["product", "optuna"] = Field(
        "product", description="all combinations, or a search by Optuna"
    )
    trials: int | None = Field(None, ge=1, description="points to try, of a search")
    seed: int | None = Field(0, ge=0, le=2**32 - 1, description="seed of the search itself")
    sampler: Annotated[
        TpeSampler | RandomSampler | GridSampler | CmaEsSampler | QmcSampler | NsgaiiSampler,
        Field(discriminator="name"),
    ] = Field(TpeSampler(), description="what chooses the next point")
    pruner: Annotated[
        NoPruner | MedianPruner | PercentilePruner | HalvingPruner | HyperbandPruner,
        Field(discriminator="name"),
    ] = Field(NoPruner(), description="what ends hopeless trials early")


# Which key belongs to which kinds of launchers; the others belong to all, and `workers` to those of
# Hydra, too.
_KINDS_OF_KEYS = {
    "memory_mb": ("processes", "slurm"),
    "trials_per_worker": ("processes",),
    "partition": ("slurm",),
    "time_min": ("slurm",),
    "cpus": ("slurm",),
    "gpus": ("slurm",),
    "requeues": ("slurm",),
    "setup": ("slurm",),
    "sbatch": ("slurm",),
}


class LauncherNode(_Node):
    """The `launcher` node: what the trials of a sweep run in."""

    kind: Literal["inline", "processes", "slurm"] = Field(
        "inline", description="this process, processes of this machine, or a SLURM cluster"
    )
    workers: int | None = Field(
        None, ge=1, description="trials at once; default: the processors (processes), 100 (slurm)"
    )
    memory_mb: int | None = Field(
        None, ge=1, description="memory in MiB that a trial may take (processes, slurm)"
    )
    trials_per_worker: int | None = Field(
        None, ge=1, description="trials after which a process is replaced (processes)"
    )
    partition: str | None = Field(None, description="partition of the cluster (slurm)")
    time_min: int | None = Field(
        None, ge=1, description="minutes that an attempt gets; default: the partition's (slurm)"
    )
    cpus: int | None = Field(None, ge=1, description="processors of a trial (slurm)")
    gpus: int | None = Field(None, ge=0, description="GPUs of a trial (slurm)")
    requeues: int = Field(
        3, ge=0, description="times that a trial that ran out of time is queued again (slurm)"
    )
    setup: list[str] = Field(
        default=[], description="lines of shell before a trial, as 'module load cuda' (slurm)"
    )
    sbatch: dict[str, bool | int | float | str] = Field(
        default={}, description="more options of sbatch by their long names, as account (slurm)"
    )

    @field_validator(*_KINDS_OF_KEYS)
    @classmethod
    def _is_of_its_kind(cls, value: Any, found: ValidationInfo) -> Any:
        name, kind = str(found.field_name), found.data.get("kind")
        kinds = _KINDS_OF_KEYS[name]
        # A default stands in every tree, and says nothing.
        if kind is None or kind in kinds or value == cls.model_fields[name].default:
            return value
        owners = " or ".join(f"launcher={owner}" for owner in kinds)
        message = f"it belongs to {owners}, but the launcher is '{kind}'"
        raise ValueError(message)
