"""The shipped classifier in real runs: what it leaves, that it repeats, and how it fails."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from brevetti_hydra.errors import DatasetUnfitError, ImageUnreadableError
from brevetti_hydra.jobs.classifier import Classifier
from brevetti_hydra.jobs.classifier_model import load_model
from brevetti_hydra.jobs.classifier_settings import ClassifierSettings

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from brevetti_hydra import RunRecord

# Some seconds of training are left to the tests of the README.
QUICK = ("epochs=4", "lr=0.1", "model.hidden=8", "image.size_px=8", "image.cells=2")

# Reads nothing but the images and the packed model: the run's record comes in as a number.
RECOMPUTE = """
import hashlib, sys
from pathlib import Path
import numpy as np
from brevetti_hydra.jobs._images import read_image
from brevetti_hydra.jobs._training import Sample, split_samples
from brevetti_hydra.jobs.classifier_model import load_model

model = load_model(sys.argv[1])
samples = []
for path in Path(sys.argv[2]).rglob("*.png"):
    content = path.read_bytes()
    with path.open("rb") as stream:
        pixels = read_image(stream, str(path), model.size_px, lambda image: image)
    samples.append(Sample(pixels, path.parent.name, str(path), hashlib.sha256(content).digest()))
_, devel = split_samples(samples, 0.25, 0)
predicted = model.predict(np.stack([sample.pixels for sample in devel]))
right = sum(name == sample.category for name, sample in zip(predicted, devel))
assert "sklearn" not in sys.modules
print(right / len(devel))
"""


@pytest.fixture(autouse=True)
def _own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let relative paths and ./runs be the test's own."""
    monkeypatch.chdir(tmp_path)


def run_quick(images: Path, *more: str, job: type[Classifier] = Classifier) -> RunRecord:
    overrides = [f"job.datasets.images={json.dumps(str(images))}", *QUICK, *more]
    return job.init(argv=[], overrides=overrides).start()


def artifacts(record: RunRecord, tmp_path: Path) -> Path:
    return tmp_path / "runs" / record.folder / "storage" / "artifacts"


def run_module(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    import os

    return subprocess.run(
        [sys.executable, "-m", "brevetti_hydra", *arguments],
        env=os.environ | environment,
        check=False,
        capture_output=True,
        text=True,
    )


def record_of(tmp_path: Path) -> dict[str, Any]:
    [path] = tmp_path.glob("runs/*/record.json")
    content: dict[str, Any] = json.loads(path.read_bytes())
    return content


class Flaky(Classifier):
    """Falls over once, after the second epoch was reported."""

    settings: ClassifierSettings
    has_fallen = False

    def report_progress(self, epoch: int, **metrics: Any) -> None:
        super().report_progress(epoch, **metrics)
        if epoch == 2 and not Flaky.has_fallen:
            Flaky.has_fallen = True
            raise RuntimeError("fell over")


def test_the_shipped_yaml_says_what_the_class_does(repository: Path) -> None:
    """conf/job/classifier.yaml names every setting, with the class's own default."""
    text = (repository / "conf" / "job" / "classifier.yaml").read_text(encoding="utf-8")
    written = yaml.safe_load(text)
    node = written.pop("job")

    assert ClassifierSettings().model_dump() == written
    assert {"_target_": "brevetti_hydra.jobs.classifier:Classifier", "datasets": {}} == node


def test_the_module_is_free_to_import() -> None:
    """Help and validation of the classifier need none of the packages that it learns with."""
    code = (
        "import sys, brevetti_hydra.jobs.classifier;"
        "print(sorted({'numpy', 'PIL', 'sklearn', 'pandas', 'upath'} & set(sys.modules)))"
    )

    result = subprocess.run(
        [sys.executable, "-c", code], check=True, capture_output=True, text=True
    )

    assert "[]\n" == result.stdout


def test_the_accuracy_is_that_of_the_saved_model(digits: Path, tmp_path: Path) -> None:
    """A fresh process without scikit-learn finds the recorded accuracy from model and images."""
    record = run_quick(digits, "image.size_px=16", "image.cells=4")
    model = artifacts(record, tmp_path) / "saved_model.tar.gz"

    result = subprocess.run(
        [sys.executable, "-c", RECOMPUTE, str(model), str(digits)],
        check=True,
        capture_output=True,
        text=True,
    )

    assert record.metrics["accuracy"] == float(result.stdout)
    assert record.metrics["accuracy"] > 0.8
    assert (1347, 450) == (record.metrics["train_count"], record.metrics["devel_count"])


@pytest.mark.slow
def test_the_readme_command_reaches_its_accuracy(digits: Path, tmp_path: Path) -> None:
    """`job=classifier lr=0.01` without a dataset takes the digits and ends above 0.95."""
    result = run_module("job=classifier", "lr=0.01", BREVETTI_AI_CACHE=str(digits.parent))

    assert (0, "completed") == (result.returncode, record_of(tmp_path)["state"])
    assert record_of(tmp_path)["metrics"]["accuracy"] > 0.95


def test_the_digits_stand_in_the_record(digits: Path, tmp_path: Path) -> None:
    """A run without a dataset names the digits in its log and, with a digest, in its snapshot."""
    result = run_module(
        "job=classifier", "experiment=tiny", "epochs=1", BREVETTI_AI_CACHE=str(digits.parent)
    )

    assert 0 == result.returncode, result.stderr
    [snapshot] = tmp_path.glob("runs/*/snapshot.json")
    [dataset] = json.loads(snapshot.read_bytes())["datasets"]
    [log] = tmp_path.glob("runs/*/run.log")
    assert ("digits", str(digits), 1797) == (
        dataset["name"],
        dataset["bucket"],
        dataset["files"],
    )
    assert "1797 images of 10 categories from 'digits': 1347 to learn from, 450 held out" in (
        log.read_text(encoding="utf-8")
    )


def test_a_run_leaves_model_charts_and_report(
    draw_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    """Model, two charts and the report lie among the artifacts; each epoch was reported."""
    record = run_quick(draw_dataset())

    found = artifacts(record, tmp_path)
    names = {path.relative_to(found).as_posix() for path in found.rglob("*") if path.is_file()}
    assert {
        "charts/confusion_matrix.json",
        "charts/learning_curve.json",
        "output.json",
        "report.html",
        "saved_model.tar.gz",
    } == names
    assert ("saved_model.tar.gz", 4) == (record.model, record.epoch)
    assert {"accuracy", "devel_loss", "loss"} == set(record.progress)
    assert {"accuracy", "devel_count", "devel_loss", "macro_f1", "train_count"} == set(
        record.metrics
    )
    for path in found.glob("charts/*.json"):
        chart = json.loads(path.read_bytes())
        assert "https://vega.github.io/schema/vega-lite/v6.json" == chart["$schema"]


def test_the_same_seed_gives_the_same_bytes(
    draw_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    """Two runs with one seed leave equal model, report and charts; another seed another model."""
    images = draw_dataset()
    first, second, other = (
        artifacts(run_quick(images, f"run.seed={seed}"), tmp_path) for seed in (5, 5, 6)
    )
    names = ["saved_model.tar.gz", "report.html", "charts/learning_curve.json"]

    assert [(first / name).read_bytes() for name in names] == [
        (second / name).read_bytes() for name in names
    ]
    assert (first / names[0]).read_bytes() != (other / names[0]).read_bytes()


def test_a_resumed_run_ends_like_an_uninterrupted_one(
    draw_dataset: Callable[..., Path], tmp_path: Path
) -> None:
    """The second attempt goes on after the last epoch and leaves the same model and report."""
    images = draw_dataset()
    whole = run_quick(images)
    with pytest.raises(RuntimeError, match="fell over"):
        run_quick(images, job=Flaky)
    [fallen] = [path for path in (tmp_path / "runs").iterdir() if "flaky" in path.name.lower()]
    run_id = json.loads((fallen / "record.json").read_bytes())["run_id"]

    resumed = Flaky.init(job_id=run_id, argv=[]).start()

    events = [json.loads(line) for line in (fallen / "journal.jsonl").read_text().splitlines()]
    epochs = [event["epoch"] for event in events if "epoch" in event]
    assert ([1, 2, 3, 4], 2) == (epochs, len(resumed.attempts))
    for name in ("saved_model.tar.gz", "report.html"):
        assert (artifacts(whole, tmp_path) / name).read_bytes() == (
            artifacts(resumed, tmp_path) / name
        ).read_bytes()


def test_hostile_category_names_are_kept(draw_dataset: Callable[..., Path], tmp_path: Path) -> None:
    """Names with quotes, tags, line feeds and other scripts come through unharmed and harmless."""
    names = [
        "<b>&amp;'\"",
        "a\nb",
        "c=1 ${x} %s {y}",
        "ünï 日本",
        "</title>".replace("/", "\u2215"),
    ]

    record = run_quick(draw_dataset(names))

    found = artifacts(record, tmp_path)
    report = (found / "report.html").read_text(encoding="utf-8")
    assert tuple(sorted(names)) == load_model(found / "saved_model.tar.gz").categories
    assert ("<b>&amp;'" in report, "&lt;b&gt;&amp;amp;&#x27;&quot;" in report) == (False, True)


def test_a_corrupt_image_is_named(draw_dataset: Callable[..., Path]) -> None:
    """A file that is no image ends the run with its path, before anything was learnt."""
    images = draw_dataset()
    (images / "lies" / "5.png").write_bytes(b"no image")

    with pytest.raises(ImageUnreadableError) as caught:
        run_quick(images)

    assert f"image '{images / 'lies' / '5.png'}' cannot be decoded" == caught.value.message


def test_one_category_is_not_enough(draw_dataset: Callable[..., Path]) -> None:
    """With a single category there is nothing to tell apart, and the error says so."""
    with pytest.raises(DatasetUnfitError) as caught:
        run_quick(draw_dataset(["only"]))

    assert (
        "a classifier needs two categories or more, but there is only 'only'"
        == caught.value.message
    )


def test_an_image_without_category_is_named(draw_dataset: Callable[..., Path]) -> None:
    """An image beside the category folders is not passed over in silence."""
    images = draw_dataset()
    (images / "lies" / "5.png").rename(images / "5.png")

    with pytest.raises(DatasetUnfitError) as caught:
        run_quick(images)

    assert f"image '{images / '5.png'}' lies in no category folder" == caught.value.message


@pytest.mark.parametrize(("module", "package"), [("sklearn", "scikit-learn"), ("PIL", "pillow")])
def test_a_missing_package_names_the_extra(module: str, package: str, tmp_path: Path) -> None:
    """Without a package of the extra nothing is run, and the command that installs it is named."""
    code = f"""
import sys
sys.modules[{module!r}] = None  # what an import finds where a package is not installed
from brevetti_hydra.cli.main import main
sys.exit(main(["job=classifier"]))
"""

    result = subprocess.run(
        [sys.executable, "-c", code], check=False, capture_output=True, text=True
    )

    assert 2 == result.returncode, result.stderr
    assert f"'{package}' is not installed, but the classifier needs it" in result.stderr
    assert 'hint: pip install "brevetti-hydra[examples]"' in result.stderr
    assert not (tmp_path / "runs").exists()
