"""The documents of `--json`, as models; `schema.json` beside this file is made from them.

The models are for readers: documents are written without them. A test holds the two together;
`python -m brevetti_hydra.cli.documents > brevetti_hydra/cli/schema.json` writes the file anew.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue

from brevetti_hydra.cli.sweep_documents import (
    StatusResult,
    StopResult,
    SweepLine,
    SweepResult,
    TrialFields,
)
from brevetti_hydra.record import RunRecord, Snapshot
from brevetti_hydra.sweep.record import Objective

if TYPE_CHECKING:
    from pydantic_core import core_schema

__all__ = [
    "DOCUMENTS",
    "CheckResult",
    "CommandHelp",
    "CompletionDocument",
    "CompletionResult",
    "ConfigCheckDocument",
    "ConfigMigrateDocument",
    "ConfigResult",
    "ConfigSchemaDocument",
    "DefaultsFields",
    "DefaultsTreeFields",
    "Document",
    "ErrorFields",
    "ExplainDocument",
    "ExplainResult",
    "ExplanationFields",
    "FileSchema",
    "FindingFields",
    "FolderFields",
    "FurtherFields",
    "HelpResult",
    "InfoResult",
    "LogLine",
    "LogResult",
    "LogsDocument",
    "LossFields",
    "MigrateResult",
    "MigratedFields",
    "NoteDocument",
    "OptionFields",
    "PlanResult",
    "PlannedFields",
    "PluginFields",
    "RecordResult",
    "RemovedResult",
    "ResumeDocument",
    "RmDocument",
    "RunDocument",
    "RunResult",
    "RunsDocument",
    "RunsResult",
    "SchemaResult",
    "SettingFields",
    "ShowDocument",
    "ShowResult",
    "StepFields",
    "SweepResumeDocument",
    "SweepRetryFailedDocument",
    "SweepRmDocument",
    "SweepStatusDocument",
    "SweepStopDocument",
    "SweepSummaryDocument",
    "TagDocument",
    "TargetFields",
    "VersionResult",
    "Where",
    "WriterFields",
    "document_schema",
]

_CommandName = TypeVar("_CommandName", bound=str)
_Result = TypeVar("_Result")


class _Value(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(extra="forbid", frozen=True)


class Where(_Value):
    """The place of an error."""

    label: str = Field(description="'conf/job/classifier.yaml:4:3', or 'argument 2: lr=abc'")
    line: int | None = Field(description="line of the file, from 1; null where there is no file")


class ErrorFields(_Value):
    """One error."""

    code: str = Field(description="kebab-case name of the kind of error")
    message: str
    where: Where | None
    notes: list[str]
    hint: str | None


class Document(_Value, Generic[_CommandName, _Result]):
    """One document: what one command answers, on failure too."""

    format: Literal[1]
    command: _CommandName
    ok: bool = Field(description="false if there are errors")
    result: _Result | None = Field(description="null where the command came to none")
    errors: list[ErrorFields]


class RunResult(_Value):
    """A run that ended, or a new attempt of it."""

    run: RunRecord
    folder: str
    artifacts: str
    log: str
    again: list[str] = Field(description="the words of the command that runs it again")


class PlannedFields(_Value):
    """One trial that would run."""

    number: int
    key: str
    job: str
    varied: dict[str, Any] = Field(description="dotted key -> value, of what differs")
    overrides: list[str] = Field(description="of a line that runs it alone, without secrets")
    repeat: int
    seed: int | None


class PlanResult(_Value):
    """The answer of `-m --dry-run`."""

    trials: list[PlannedFields] = Field(description="none of a search, which chooses them later")
    count: int | None
    varied: list[str]
    objectives: list[Objective]
    notices: list[str]


class ConfigResult(_Value):
    """The answer of `--cfg`."""

    package: str | None = Field(
        description="the node that --package chose; null for the whole tree"
    )
    config: Any


class SettingFields(_Value):
    """One setting of the chosen job."""

    key: str
    type: str
    bounds: str = Field(description="'> 0, <= 10', or ''")
    default: Any = Field(description="the class's default; '???' where a value is required")
    value: Any = Field(description="what stands there now; secrets masked")
    description: str


class FurtherFields(_Value):
    """Settings that another choice brings."""

    when: str = Field(description="what chooses them, 'optim.kind=sgd'")
    settings: list[SettingFields]


class OptionFields(_Value):
    """One option of a group."""

    name: str
    summary: str = Field(description="first comment line of its file")
    label: str = Field(description="the file")


class HelpResult(_Value):
    """The answer of `--help`."""

    help: str = Field(description="the text that people get")
    commands: dict[str, str] = Field(description="command -> what it does")
    groups: dict[str, list[OptionFields]]
    settings: list[SettingFields] = Field(description="of the chosen job; empty without one")
    further: list[FurtherFields] = Field(description="with other choices than those of now")


class FolderFields(_Value):
    """A folder of the search path."""

    provider: str = Field(description="who adds it")
    path: str


class DefaultsFields(_Value):
    """A row of the final defaults list."""

    config_path: str
    package: str
    is_self: bool = Field(description="whether it is the content of a config that includes others")
    parent: str | None = Field(description="the config that names it")
    file: str


class DefaultsTreeFields(_Value):
    """A node of the tree of defaults lists."""

    name: str
    children: list[DefaultsTreeFields]


class PluginFields(_Value):
    """An installed Hydra plugin."""

    name: str
    kind: str = Field(description="'launcher', 'sweeper', ...; '' where it is broken")
    fault: str | None = Field(description="why it cannot be used")


class InfoResult(_Value):
    """The answer of `--info`; what was not asked for is null."""

    topic: Literal["all", "config", "defaults", "defaults-tree", "plugins", "searchpath"]
    searchpath: list[FolderFields] | None = Field(description="the first that has a file wins")
    defaults: list[DefaultsFields] | None = Field(description="the last one wins")
    defaults_tree: DefaultsTreeFields | None
    config: dict[str, Any] | None
    plugins: list[PluginFields] | None
    choices: dict[str, str | None] | None = Field(description="group -> chosen option")
    target: str | None = Field(description="the Job class, 'pkg.mod:Class'")
    text: str = Field(description="the text that people get")


class VersionResult(_Value):
    """The answer of `--version`."""

    version: str


class StepFields(_Value):
    """By what a value came to its place."""

    place: str = Field(description="where that stands; '' for a note about the writer's own place")
    text: str = Field(
        description="what stands there: '- job: classifier', '<<', '*' (an alias), '&' (the anchor "
        "whose value an alias repeats), '${model}'; '' of an argument"
    )


class WriterFields(_Value):
    """One that wrote a value."""

    kind: Literal["default", "yaml", "info", "argument"]
    place: str = Field(description="'conf/job/x.yaml:4:3', 'argument 2: lr=0.1', 'train.py:12'")
    file: str | None
    line: int | None = Field(description="from 1")
    column: int | None = Field(description="from 1; YAML only")
    value: Any = Field(description="as written; secrets masked")
    default_of: str = Field(description="of a default, the field: 'Settings.lr'; else ''")
    by: list[StepFields] = Field(description="the nearest to the writer first")


class TargetFields(_Value):
    """What a value refers to."""

    text: str = Field(description="as it stands between '${' and '}'")
    kind: Literal["key", "environment", "hydra", "resolver"]
    name: str = Field(description="the key from the root, the variable, or the resolver")
    is_set: bool
    fallback: str | None = Field(description="what stands for a variable that is not set")
    value: Any = Field(description="of a key; secrets masked")
    writer: WriterFields | None
    targets: list[TargetFields]


class LossFields(_Value):
    """What somebody wrote and what is not in the tree."""

    key: str
    writer: WriterFields
    by: StepFields = Field(description="who took it away")
    reason: Literal["switch", "deletion", "replaced", "open"] = Field(
        description="another variant of a union, '~key', something above it, or '???' over a value"
    )
    tag: str = Field(description="of a switch: the variant that does not have the key; else ''")


class ExplanationFields(_Value):
    """Where one value comes from."""

    key: str
    is_there: bool = Field(description="false of a key that was dropped")
    value: Any = Field(description="what stands there, resolved; secrets masked")
    type: str = Field(description="'' where no class knows the key")
    bounds: str = Field(description="'> 0, <= 10', or ''")
    description: str
    writers: list[WriterFields] = Field(description="the winner first, the class's default last")
    targets: list[TargetFields] = Field(description="what the winner's text refers to")
    dropped: list[LossFields]


class ExplainResult(_Value):
    """The answer of `explain`."""

    target: str = Field(description="the Job class, 'pkg.mod:Class'")
    choices: dict[str, str | None] = Field(description="group -> chosen option")
    sources: list[str] = Field(description="the YAML files that took part, lowest layer first")
    keys: list[ExplanationFields]


class RunsResult(_Value):
    """The answer of `runs`."""

    root: str
    total: int = Field(description="number of runs that fulfil the conditions")
    runs: list[RunRecord]
    sweeps: list[SweepLine] = Field(description="empty where trials are listed as runs")


class ShowResult(_Value):
    """The answer of `show`."""

    run: RunRecord
    snapshot: Snapshot | None = Field(description="null if the run ended before it was written")
    folder: str
    log: str
    artifacts: str


class LogResult(_Value):
    """The answer of `logs`."""

    id: str
    lines: list[str]


class LogLine(_Value):
    """One line of `logs --json=lines`."""

    id: str
    line: str


class RecordResult(_Value):
    """The answer of `tag` and `note`."""

    run: RunRecord


class RemovedResult(_Value):
    """The answer of `rm` and `sweep rm`."""

    removed: list[str] = Field(description="ids of the removed runs or sweeps")


class CompletionResult(_Value):
    """The answer of `completion`."""

    shell: str
    script: str = Field(description="what the shell is to run when it starts")
    cache: str | None = Field(description="folder of the completion's cache")


class FindingFields(_Value):
    """One thing that `config check` found."""

    severity: Literal["error", "warning", "note"]
    code: str = Field(description="that of an error, or 'unused-file', 'written-secret', ...")
    message: str
    file: str | None = Field(description="the file that it is about, or null")
    where: Where | None
    notes: list[str]
    hint: str | None


class CheckResult(_Value):
    """The answer of `config check`; its errors stand among the document's errors as well."""

    findings: list[FindingFields] = Field(description="by file and line")
    files: int = Field(description="YAML files of the folders that were checked")
    options: int = Field(description="options of all groups but 'experiment'")
    experiments: int
    compositions: int = Field(description="how many trees were composed and validated")
    errors: int
    warnings: int


class CommandHelp(_Value):
    """The answer of `COMMAND --help`."""

    help: str


class FileSchema(_Value):
    """One of the user's files, and the schema by which an editor checks it."""

    file: str
    schema_: str = Field(alias="schema", description="path of the schema")
    job: str | None = Field(description="the job that the file belongs to; null for any")
    package: str = Field(description="where its keys go; '' is the root")
    modeline: str = Field(description="the comment line that names the schema to an editor")
    changed: bool = Field(description="whether the line was written into the file")


class SchemaResult(_Value):
    """The answer of `config schema`."""

    schema_: dict[str, Any] | None = Field(
        alias="schema", description="of files at the root; null where schemas were written"
    )
    written: list[str] = Field(description="paths of the schemas")
    files: list[FileSchema]


class RunDocument(
    Document[
        Literal["run"],
        RunResult
        | PlanResult
        | SweepResult
        | TrialFields
        | ConfigResult
        | InfoResult
        | VersionResult
        | HelpResult
        | CommandHelp,
    ]
):
    """A line without a command: a run, a sweep, or `--cfg`, `--info`, `--help`, `--version`.

    `config --help` is answered so as well, as half a command.
    """


class ResumeDocument(Document[Literal["resume"], RunResult | CommandHelp]):
    """`resume RUN`."""


class ExplainDocument(Document[Literal["explain"], ExplainResult | CommandHelp]):
    """`explain`; with errors beside the result where the line is wrong."""


class RunsDocument(Document[Literal["runs"], RunsResult | RunRecord | SweepLine | CommandHelp]):
    """`runs`; with `--json=lines` each document holds one record or sweep."""


class ShowDocument(Document[Literal["show"], ShowResult | SweepResult | TrialFields | CommandHelp]):
    """`show RUN`, or a sweep."""


class SweepResumeDocument(
    Document[Literal["sweep resume"], SweepResult | TrialFields | CommandHelp]
):
    """`sweep resume SWEEP`; with `--json=lines` each trial has a document when it ends."""


class SweepRetryFailedDocument(
    Document[Literal["sweep retry-failed"], SweepResult | TrialFields | CommandHelp]
):
    """`sweep retry-failed SWEEP`, likewise."""


class SweepStopDocument(Document[Literal["sweep stop"], StopResult | CommandHelp]):
    """`sweep stop SWEEP`."""


class SweepRmDocument(Document[Literal["sweep rm"], RemovedResult | CommandHelp]):
    """`sweep rm SWEEP ...`."""


class SweepStatusDocument(Document[Literal["sweep status"], StatusResult | CommandHelp]):
    """`sweep status SWEEP`."""


class SweepSummaryDocument(
    Document[Literal["sweep summary"], SweepResult | TrialFields | CommandHelp]
):
    """`sweep summary SWEEP`; with `--json=lines` each document holds one trial."""


class LogsDocument(Document[Literal["logs"], LogResult | LogLine | CommandHelp]):
    """`logs RUN`; with `--json=lines` each document holds one line."""


class TagDocument(Document[Literal["tag"], RecordResult | CommandHelp]):
    """`tag RUN +a -b`."""


class NoteDocument(Document[Literal["note"], RecordResult | CommandHelp]):
    """`note RUN TEXT`."""


class RmDocument(Document[Literal["rm"], RemovedResult | CommandHelp]):
    """`rm RUN ...`."""


class MigratedFields(_Value):
    """One of the user's files."""

    path: str
    version: int | None = Field(description="that it was of; null where it could not be read")
    state: Literal["same", "changed", "left"] = Field(
        description="left: the errors say why it stays as it is"
    )
    steps: list[int] = Field(description="the steps that it held something for")
    diff: str = Field(description="unified diff, what looks like a secret masked; '' if the same")


class MigrateResult(_Value):
    """The answer of `config migrate`."""

    version: int = Field(description="the newest version of the project")
    written: bool = Field(description="whether --write was given")
    files: list[MigratedFields]


class ConfigSchemaDocument(Document[Literal["config schema"], SchemaResult | CommandHelp]):
    """`config schema`."""


class CompletionDocument(Document[Literal["completion"], CompletionResult | CommandHelp]):
    """`completion SHELL`."""


class ConfigCheckDocument(Document[Literal["config check"], CheckResult | CommandHelp]):
    """`config check`; not ok with errors, and with --strict neither with warnings."""


class ConfigMigrateDocument(Document[Literal["config migrate"], MigrateResult | CommandHelp]):
    """`config migrate`."""


DOCUMENTS: Any = Annotated[
    RunDocument
    | ResumeDocument
    | ExplainDocument
    | RunsDocument
    | ShowDocument
    | SweepResumeDocument
    | SweepRetryFailedDocument
    | SweepStopDocument
    | SweepRmDocument
    | SweepStatusDocument
    | SweepSummaryDocument
    | LogsDocument
    | TagDocument
    | NoteDocument
    | RmDocument
    | ConfigSchemaDocument
    | CompletionDocument
    | ConfigCheckDocument
    | ConfigMigrateDocument,
    Field(discriminator="command"),
]


class _Generator(GenerateJsonSchema):
    """Says that NaN and the infinities are written as text."""

    def float_schema(self, schema: core_schema.FloatSchema) -> JsonSchemaValue:
        number = super().float_schema(schema)
        return {"anyOf": [number, {"enum": ["NaN", "Infinity", "-Infinity"]}]}


def document_schema() -> dict[str, Any]:
    """Give the JSON Schema (2020-12) of every document that `--json` prints."""
    schema = TypeAdapter(DOCUMENTS).json_schema(mode="serialization", schema_generator=_Generator)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What brevetti-hydra --json prints",
        **schema,
    }


if __name__ == "__main__":
    print(json.dumps(document_schema(), indent=2))
