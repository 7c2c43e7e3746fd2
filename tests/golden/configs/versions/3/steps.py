"""What changed from version to version."""

from brevetti_hydra.migrations import (
    Migrations,
    move,
    move_job,
    remove,
    rename,
    split,
    step,
    unit,
    value,
)

STEPS = Migrations(
    step(
        1,
        rename("learning_rate", "lr"),
        unit("timeout_min", "timeout_s", factor=60),
        value("mode", {"quick": "fast"}),
        remove("shout", reason="nobody listened"),
    ),
    step(
        2,
        move("lr", "optim.lr"),
        move("momentum", "optim.momentum"),
        split("size", into=("width", "height"), how=lambda size: (size, size)),
        job="train:Trainer",
    ),
    step(2, move_job("train:Trainer", "trainer.train:Trainer")),
)
