"""A training in several processes: python -m brevetti_hydra job=ranks ranks=2."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch.distributed.launcher.api import LaunchConfig, elastic_launch
from torch.nn.parallel import DistributedDataParallel

from brevetti_hydra import Field, Job, JobSettings


class RanksSettings(JobSettings):
    """Settings of the training."""

    ranks: int = Field(2, ge=1, description="processes that train together")
    epochs: int = Field(10, ge=1, description="passes over the points")
    lr: float = Field(0.1, gt=0, description="learning rate")


class Ranks(Job):
    """Fits a line to points, of which each rank has its own share."""

    settings: RanksSettings
    objective = "loss"

    def run(self) -> str:
        """Start the ranks as torchrun does, and wait for them."""
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=self.settings.ranks,
            rdzv_backend="c10d",
            rdzv_endpoint="localhost:0",
            local_addr="localhost",
            run_id=self.id,
            max_restarts=0,
            # SIGTERM and SIGINT stay with the run, which asks rank 0 to end at its next report.
            signals_to_handle="SIGQUIT",
        )
        elastic_launch(config, train)(self)
        return str(self.temp_path / "line.pt")


def train(job: Ranks) -> None:
    """Train in one rank. The job is here a view of the run: rank 0 reports, the others do not."""
    dist.init_process_group("gloo")
    torch.manual_seed(dist.get_rank())
    x = torch.rand(64, 1)
    y = 3 * x + 1
    model = DistributedDataParallel(torch.nn.Linear(1, 1))
    optimizer = torch.optim.SGD(model.parameters(), lr=job.settings.lr)
    for epoch in range(job.settings.epochs):
        loss = torch.nn.functional.mse_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        mean = loss.detach()
        dist.all_reduce(mean, dist.ReduceOp.SUM)
        job.report_progress(epoch, loss=mean / dist.get_world_size())
    job.artifact_path(f"rank-{dist.get_rank()}.txt").write_text(f"{len(x)} points\n")
    if dist.get_rank() == 0:
        torch.save(model.module.state_dict(), job.temp_path / "line.pt")
    dist.destroy_process_group()


if __name__ == "__main__":
    Ranks.init().start()
