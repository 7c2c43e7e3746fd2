"""Schemas for editors: what they take and refuse, in shipped files and in a user's own."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import jsonschema
import pytest
import yaml

from brevetti_hydra import Job
from brevetti_hydra.config import find_project, open_repository, read_argv
from brevetti_hydra.config.editor.schema import EditorSchemas, editor_schemas, job_schema
from brevetti_hydra.config.tree.budget import Budget
from brevetti_hydra.config.tree.documents import parse_document
from brevetti_hydra.errors import BrevettiHydraError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.config.conftest import Project

REPOSITORY = Path(__file__).resolve().parents[3]
EXAMPLE = REPOSITORY / "examples" / "image_classifier"


def value_of(text: str) -> dict[str, Any]:
    """Read a file as an editor sees it: the defaults list is one of its keys."""
    # `config_version` has a meaning on its own, and what is wrong with it an error.
    version = re.search(r"^config_version: (.*)$", text, re.MULTILINE)
    document = parse_document(text.replace(version[0], "") if version else text, "x", Budget())
    plain: dict[str, Any] = document.tree.plain()
    if version is not None:
        plain["config_version"] = yaml.safe_load(version[1])
    return plain if document.defaults is None else {"defaults": document.defaults, **plain}


class Judged(NamedTuple):
    """The schemas of a folder, and their judgement."""

    made: EditorSchemas

    def schema(self, label: str) -> Any:
        [name] = [file.schema for file in self.made.files if file.label == label]
        return self.made.schemas[name]

    def faults(self, label: str, text: str) -> list[str]:
        """Give the places that are marked if a file had this text; `/` is the whole."""
        validator = jsonschema.Draft7Validator(self.schema(label))
        return sorted(
            "/" + "/".join(map(str, error.absolute_path))
            for error in validator.iter_errors(value_of(text))
        )


def judge(folder: Path, *argv: str, job: str | None = None) -> Judged:
    """Make the schemas of a folder."""
    project = find_project(folder)
    search = open_repository(read_argv(argv), project, folder)
    made = editor_schemas(search, project, Job, job=job)
    for schema in made.schemas.values():
        jsonschema.Draft7Validator.check_schema(schema)
    return Judged(made)


@pytest.fixture(scope="module")
def shipped() -> Judged:
    """Give the schemas of the shipped files."""
    return judge(REPOSITORY)


@pytest.fixture
def example(monkeypatch: pytest.MonkeyPatch) -> Iterator[Judged]:
    """Give the schemas of the example project."""
    import sys

    monkeypatch.setattr(sys, "path", list(sys.path))
    yield judge(EXAMPLE)
    for name in [name for name in sys.modules if name.partition(".")[0] == "vials"]:
        del sys.modules[name]


def test_shipped_files_are_right(shipped: Judged) -> None:
    """Every shipped file is taken, and none is left out."""
    files = {file.label: file.path for file in shipped.made.files}

    assert {p.relative_to(REPOSITORY).as_posix() for p in REPOSITORY.glob("conf/**/*.yaml")} == {
        *files
    }
    for label, path in files.items():
        assert [] == shipped.faults(label, path.read_text(encoding="utf-8")), label


def test_example_files_are_right(example: Judged) -> None:
    """Every file of the example project is taken, and judged by the job it belongs to."""
    for file in example.made.files:
        assert [] == example.faults(file.label, file.path.read_text(encoding="utf-8")), file.label

    jobs = {file.label: file.job for file in example.made.files}
    assert (None, "vials") == (jobs["conf/experiment/quick.yaml"], jobs["conf/job/vials.yaml"])
    assert ["/crop"] == example.faults("conf/job/vials.yaml", "crop: {topp: 0.1}\n")


@pytest.mark.parametrize("folder", [REPOSITORY, EXAMPLE], ids=["shipped", "example"])
def test_schemas_in_the_checkout_are_today_s(folder: Path, request: pytest.FixtureRequest) -> None:
    """What lies in .schema is what the command writes, and each file names the right one."""
    made = request.getfixturevalue("shipped" if folder == REPOSITORY else "example").made
    lying = {
        path.relative_to(folder / "conf/.schema").as_posix(): json.loads(path.read_bytes())
        for path in (folder / "conf/.schema").rglob("*.json")
    }

    # `brevetti-hydra config schema --write-modelines` in that folder mends a difference.
    assert json.loads(json.dumps(made.schemas)) == lying
    for file in made.files:
        line = re.search(r"\$schema=(\S+)", file.path.read_text(encoding="utf-8"))
        assert line is not None
        assert (folder / "conf/.schema" / file.schema) == (file.path.parent / line[1]).resolve()


BLOCK = re.compile(r"(?:<!-- file: (\S+) -->\n+)?```yaml\n(.*?)```", re.DOTALL)


def test_yaml_of_the_readme_is_judged(shipped: Judged) -> None:
    """YAML blocks of the README are taken, but those that show a mistake."""
    blocks = BLOCK.findall((REPOSITORY / "README.md").read_text(encoding="utf-8"))
    assert blocks

    for file, text in blocks:
        if (file or "conf/experiment").startswith("conf/experiment"):
            is_wrong = any(mistake in text for mistake in MISTAKES)
            assert is_wrong == bool(shipped.faults(EXPERIMENT, text)), text


# A typo, and a name that a job of another chapter had in version 1.
MISTAKES = ("epocs", "learning_rate")
EXPERIMENT, PRIMARY, JOB = "conf/experiment/tiny.yaml", "conf/brevetti.yaml", "conf/job/hello.yaml"
DATASET, PLATFORM = "conf/dataset/folder.yaml", "conf/platform/local.yaml"


@pytest.mark.parametrize(
    ("label", "text", "places"),
    [
        (EXPERIMENT, "epocs: 3", "/"),
        (EXPERIMENT, "epochs: 0", "/epochs"),
        (EXPERIMENT, "epochs: many", "/epochs"),
        (EXPERIMENT, "epochs: 1.5", "/epochs"),
        (EXPERIMENT, "epochs: true", "/epochs"),
        (EXPERIMENT, "epochs: [3]", "/epochs"),
        (EXPERIMENT, "epochs:", "/epochs"),
        (EXPERIMENT, "lr: -1", "/lr"),
        (EXPERIMENT, "lr: 11", "/lr"),
        (EXPERIMENT, "lr: {a: 1}", "/lr"),
        (EXPERIMENT, "model: {hiden: 3}", "/model"),
        (EXPERIMENT, "model: {hidden: -1}", "/model/hidden"),
        (EXPERIMENT, "model: 3", "/model"),
        (EXPERIMENT, "model:", "/model"),
        (EXPERIMENT, "augment: {mirror: maybe}", "/augment/mirror"),
        (EXPERIMENT, "greeting: 3", "/greeting"),
        (EXPERIMENT, "greeting: ''", "/greeting"),
        (JOB, "lr: 0.1", "/"),
        (JOB, "epochs: 2000", "/epochs"),
        (EXPERIMENT, "job: {datasets: {a: {bucket: x, tag: [a]}}}", "/job/datasets/a"),
        (EXPERIMENT, "job: {datasets: {a: {bucket: ''}}}", "/job/datasets/a/bucket"),
        (EXPERIMENT, "job: {datasets: [a]}", "/job/datasets"),
        (EXPERIMENT, "job: {tags: a}", "/job/tags"),
        (EXPERIMENT, "run: {seed: -1}", "/run/seed"),
        (EXPERIMENT, "run: {sed: 1}", "/run"),
        (EXPERIMENT, "platform: {kind: remote}", "/platform/kind"),
        (EXPERIMENT, "platform: {api_key: x}", "/platform"),
        (EXPERIMENT, "hydra: {output_subdir: null}", "/hydra"),
        (EXPERIMENT, "hydra: {launcher: {_target_: x}}", "/hydra/launcher"),
        (EXPERIMENT, "config_version: 0", "/config_version"),
        (EXPERIMENT, "config_version: 2", "/config_version"),
        (EXPERIMENT, "defaults: tiny", "/defaults"),
        (EXPERIMENT, "defaults: [{override /job: clasifier}]", "/defaults/0/override /job"),
        (EXPERIMENT, "defaults: [{override /jb: hello}]", "/defaults/0"),
        (EXPERIMENT, "defaults: [{dataset: folder}]", "/defaults/0"),
        (EXPERIMENT, "defaults: [{/dataset: folder, /job: hello}]", "/defaults/0"),
        (EXPERIMENT, "defaults: [tinny]", "/defaults/0"),
        (EXPERIMENT, "defaults: [{/dataset: [folder, flder]}]", "/defaults/0//dataset"),
        (PRIMARY, "defaults: [{platform: remote}, _self_]", "/defaults/0/platform"),
        (PRIMARY, "defaults: [_slf_]", "/defaults/0"),
        (DATASET, "images: {bucket: 3}", "/images/bucket"),
        (DATASET, "images: [a]", "/images"),
        (PLATFORM, "kind: remote", "/kind"),
        (PLATFORM, "platform: {kind: local}", "/"),
        (PLATFORM, "lr: 0.1", "/"),
    ],
)
def test_wrong_files_are_refused(label: str, text: str, places: str, shipped: Judged) -> None:
    """A mistake is marked where it stands, and nothing else is."""
    assert {places} == set(shipped.faults(label, text))


@pytest.mark.parametrize(
    ("label", "text"),
    [
        (EXPERIMENT, ""),
        (EXPERIMENT, "epochs: ${run.seed}\nmodel: ${other}\njob: {tags: '${tags}'}"),
        (EXPERIMENT, "epochs: ???\naugment:\n  mirror: ???"),
        (EXPERIMENT, "lr: '1e-3'\nepochs: '1_000'\naugment: {mirror: 'yes'}"),
        (EXPERIMENT, "lr: 1\nepochs: 5.0\naugment: {mirror: 1}"),
        (EXPERIMENT, "job: {datasets: {a: images, b: {bucket: x, tags: [y]}}}"),
        (EXPERIMENT, "run: {seed: null, tags: [a], note: x}\nconfig_version: {project: 1}"),
        (EXPERIMENT, "hydra: {searchpath: [a], verbose: true, run: {dir: x}, launcher: {n: 1}}"),
        (EXPERIMENT, "sweep: {repeat: 3}\nlauncher: {kind: inline}"),
        (
            EXPERIMENT,
            (
                "defaults:\n- tiny\n- /dataset: folder\n- override /job: hello\n- _self_\n"
                "- optional /job@x.y: zz\n- optional /none: a\n- /experiment/tiny@_here_\n- /experiment: [tiny]\n"
            ),
        ),
        (EXPERIMENT, "defaults: [{override /job: 'my.pkg:Class'}, {/dataset: '${x}'}]"),
        (EXPERIMENT, "defaults: [{override hydra/launcher: joblib}, {/dataset: null}]"),
        (PRIMARY, "defaults: [platform: local, /job: null, dataset: folder, _self_]"),
        (DATASET, "defaults: [folder]\na: images\nb: {bucket: '${oc.env:X}', mapping: {x: y}}"),
    ],
)
def test_right_files_are_taken(label: str, text: str, shipped: Judged) -> None:
    """Parts of the tree, references, other spellings and every form of defaults are right."""
    assert [] == shipped.faults(label, text)


JOBS = """
import pydantic
from typing import Annotated, Literal
from brevetti_hydra import Field, Job, JobSettings, Secret

class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    beta: float = Field(0.9, ge=0, lt=1, description="how long it remembers")

class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    momentum: float = 0.0

class First(JobSettings):
    epochs: int = Field(3, ge=1, le=10, description="passes")
    optimizer: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    token: Secret = Secret("hunter2")
    rate: float = Field(0.1, validation_alias=pydantic.AliasChoices("rate", "learning_rate"))

class Second(JobSettings):
    epochs: int = Field(3, ge=1, le=100, description="rounds")
    db: dict[str, int] = Field({})

class FirstJob(Job):
    settings: First

class SecondJob(Job):
    settings: Second
"""

FILES = {
    "some_jobs.py": JOBS,
    "conf/job/first.yaml": "# @package _global_\njob: {_target_: some_jobs:FirstJob}\n",
    "conf/job/second.yaml": "# @package _global_\njob: {_target_: some_jobs:SecondJob}\n",
    "conf/job/third.yaml": "# @package _global_\ndefaults: [second]\n",
    "conf/optimizer/adam.yaml": "kind: adam\n",
    "conf/db/small.yaml": "size: 1\n",
    "conf/engine/small.yaml": "size: 1\n",
    "conf/experiment/free.yaml": "# @package _global_\nepochs: 3\n",
    "conf/experiment/bound.yaml": "# @package _global_\ndefaults: [override /job: first]\n",
    "conf/experiment/moved.yaml": (
        "# @package _global_\ndefaults: [/engine@db: small, override /job: second]\n"
    ),
}


def test_each_file_is_judged_by_its_job(project: Project) -> None:
    """A job's own file, and one that chooses a job, knows that job's settings alone."""
    project.write(FILES)
    judged = judge(project.folder)

    assert {
        "conf/db/small.yaml": ("db.json", None, "db"),
        "conf/engine/small.yaml": ("engine@db.json", None, "db"),
        "conf/experiment/bound.yaml": ("experiment.first.json", "first", ""),
        "conf/experiment/free.yaml": ("experiment.json", None, ""),
        "conf/experiment/moved.yaml": ("experiment.second.json", "second", ""),
        "conf/job/first.yaml": ("job.first.json", "first", ""),
        "conf/job/second.yaml": ("job.second.json", "second", ""),
        "conf/job/third.yaml": ("job.third.json", "third", ""),
        "conf/optimizer/adam.yaml": ("optimizer.json", None, "optimizer"),
    } == {f.label: (f.schema, f.job, f.package) for f in judged.made.files}
    assert ["/epochs"] == judged.faults("conf/experiment/bound.yaml", "epochs: 11")
    assert [] == judged.faults("conf/experiment/moved.yaml", "epochs: 11")
    assert ["/"] == judged.faults("conf/experiment/bound.yaml", "db: {a: 1}")


def test_a_value_is_judged_by_the_jobs_that_have_the_key(project: Project) -> None:
    """Without a job, a key of any job is known, and a value is right if one job takes it."""
    project.write(FILES)
    judged = judge(project.folder)
    free = "conf/experiment/free.yaml"

    assert [] == judged.faults(free, "epochs: 11\ndb: {a: 1}\noptimizer: {kind: sgd}\nlr: 0.1")
    assert ["/"] == judged.faults(free, "epocs: 11")
    assert ["/epochs"] == judged.faults(free, "epochs: 0")
    about = judged.schema(free)["properties"]["epochs"]["description"]
    assert {"first: passes", "second: rounds", "third: rounds"} < set(about.split("; "))


def test_variants_know_their_own_keys(project: Project) -> None:
    """Of a discriminated union the chosen variant's keys are right, below a package as well."""
    project.write(FILES)
    judged = judge(project.folder)
    adam = "conf/optimizer/adam.yaml"

    assert [] == judged.faults(adam, "kind: sgd\nmomentum: 0.5")
    assert [] == judged.faults(adam, "momentum: 0.5")
    assert ["/"] == judged.faults(adam, "kind: adam\nmomentum: 0.5")
    assert ["/"] == judged.faults(adam, "kind: rmsprop")
    assert ["/optimizer"] == judged.faults(
        "conf/job/first.yaml", "optimizer: {kind: adam, beta: 1}"
    )


def test_one_job_judges_alone(project: Project) -> None:
    """With a job, or a class that no option names, files of other jobs are left out."""
    project.write(FILES)
    by_option = judge(project.folder, job="second")
    by_class = judge(project.folder, job="some_jobs:FirstJob")

    assert "conf/job/first.yaml" not in {file.label for file in by_option.made.files}
    assert {"second"} == {file.job for file in by_option.made.files}
    assert ["/"] == by_option.faults("conf/experiment/free.yaml", "optimizer: {kind: adam}")
    assert [] == by_class.faults("conf/experiment/free.yaml", "optimizer: {kind: adam}")
    with pytest.raises(BrevettiHydraError, match="secnd"):
        judge(project.folder, job="secnd")


def test_a_job_that_cannot_be_loaded_is_named(project: Project) -> None:
    """The others are whole without it; what may be its keys is left alone."""
    project.write(
        FILES
        | {
            "broken.py": "import nothing_of_that_name\n",
            "conf/job/broken.yaml": "# @package _global_\njob: {_target_: broken:Broken}\n",
        }
    )
    judged = judge(project.folder)

    [problem] = judged.made.problems
    assert "the import of 'broken' failed" == problem.message
    assert "the schemas leave the job 'broken' out" == problem.notes[-1]
    assert [] == judged.faults("conf/job/broken.yaml", "anything: 3")
    assert ["/epochs"] == judged.faults("conf/experiment/free.yaml", "anything: 3\nepochs: 0")
    assert ["/"] == judged.faults("conf/job/first.yaml", "anything: 3")


def test_files_that_cannot_be_read_are_named(project: Project) -> None:
    """A file that is no YAML, or has a list that is none, does not keep the others from theirs."""
    project.write(
        FILES
        | {
            "conf/experiment/torn.yaml": "a: [\n",
            "conf/experiment/odd.yaml": "defaults: {a: b, c: [d]}\n",
            "conf/experiment/empty.yaml": "",
            "conf/experiment/list.yaml": "defaults: [3, [a], {a: 1, b: 2}]\n",
        }
    )
    judged = judge(project.folder)

    assert ["'conf/experiment/torn.yaml' is no valid YAML"] == [
        problem.message for problem in judged.made.problems
    ]
    assert {"empty", "odd", "list"} < {file.path.stem for file in judged.made.files}


def test_a_group_that_no_job_knows_is_marked(project: Project) -> None:
    """Keys below a package that no job has are wrong; the schema says what is missing."""
    project.write({"conf/optimiser/adam.yaml": "kind: adam\n"})
    judged = judge(project.folder)

    assert ["/"] == judged.faults("conf/optimiser/adam.yaml", "kind: adam")
    assert "# @package _global_" in judged.schema("conf/optimiser/adam.yaml")["description"]


def test_secrets_and_aliases(project: Project) -> None:
    """A secret's default is not told, and an alias is right but not proposed."""
    project.write(FILES)
    schema = judge(project.folder).schema("conf/job/first.yaml")

    assert "hunter2" not in json.dumps(schema)
    assert "default" not in schema["properties"]["token"]
    assert schema["properties"]["learning_rate"]["doNotSuggest"] is True
    assert "doNotSuggest" not in schema["properties"]["rate"]


def test_the_root_of_one_job(project: Project) -> None:
    """The schema that is printed is that of a file whose keys stand at the root."""
    project.write(FILES)
    found = find_project(project.folder)
    search = open_repository(read_argv([]), found, project.folder)

    schema, problems = job_schema(search, found, Job, "first")

    assert ((), "http://json-schema.org/draft-07/schema#") == (problems, schema["$schema"])
    assert {"epochs", "optimizer", "job", "run", "defaults"} < set(schema["properties"])


def test_keys_of_older_versions_are_left_alone(project: Project) -> None:
    """A file of an older version is migrated when it is read, so that old names are no mistakes."""
    project.write(
        FILES
        | {
            "pyproject.toml": "[tool.brevetti_hydra]\nmigrations = 'my_steps:STEPS'\n",
            "my_steps.py": (
                "from brevetti_hydra.migrations import Migrations, rename, step\n"
                "STEPS = Migrations(step(1, rename('passes', 'epochs')))\n"
            ),
        }
    )
    free = "conf/experiment/free.yaml"
    newest = judge(project.folder)

    assert ["/"] == newest.faults(free, "passes: 3")
    assert ["/"] == newest.faults(free, "config_version: 2\npasses: 3")
    assert [] == newest.faults(free, "config_version: 1\npasses: 3")
    assert ["/config_version"] == newest.faults(free, "config_version: 3\nepochs: 3")

    project.write({"conf/brevetti.yaml": "config_version: 1\ndefaults: [job: null, _self_]\n"})
    oldest = judge(project.folder)
    assert [] == oldest.faults(free, "passes: 3")
    assert ["/"] == oldest.faults(free, "config_version: 2\npasses: 3")
