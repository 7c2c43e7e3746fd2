"""The real YAML language server completes and marks YAML files by our schemas."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

REPOSITORY = Path(__file__).resolve().parents[2]
SERVER = "yaml-language-server@1.19.2"
SETTINGS = {"validate": True, "completion": True, "hover": True, "schemaStore": {"enable": False}}

JOB = """
from typing import Annotated, Literal
from brevetti_hydra import Field, Job, JobSettings

class Adam(JobSettings):
    kind: Literal["adam"] = "adam"
    beta: float = Field(0.9, ge=0, lt=1, description="how long it remembers")

class Sgd(JobSettings):
    kind: Literal["sgd"] = "sgd"
    momentum: float = 0.0

class Settings(JobSettings):
    lr: float = Field(0.1, gt=0, description="learning rate")
    mode: Literal["fast", "slow"] = "fast"
    optimizer: Annotated[Adam | Sgd, Field(discriminator="kind")] = Adam()
    weights: dict[str, float] = Field({})
    layers: list[int] = Field([1])

class Trainer(Job):
    settings: Settings
"""
FIRST, SGD = "conf/experiment/first.yaml", "conf/optimizer/sgd.yaml"
MINE = "conf/dataset/mine.yaml"
FILES = {
    "my_jobs.py": JOB,
    "conf/job/trainer.yaml": "# @package _global_\njob: {_target_: my_jobs:Trainer}\n",
    FIRST: "# @package _global_\ndefaults: [override /job: trainer]\n",
    SGD: "# Plain.\nkind: sgd\n",
    MINE: "# @package job.datasets\nmine: images\n",
}


class Editor:
    """A language server that a test types into, as an editor does: JSON-RPC over its stdin."""

    def __init__(self, command: Path, folder: Path) -> None:
        self.folder = folder
        self._ids = itertools.count(1)
        self._marks: dict[str, list[dict[str, Any]]] = {}
        self._open: set[str] = set()
        self.process = subprocess.Popen(
            [command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        snippets = {"completionItem": {"snippetSupport": True}}
        able = {"textDocument": {"completion": snippets, "publishDiagnostics": {}}}
        root = {"processId": os.getpid(), "rootUri": folder.as_uri(), "capabilities": able}
        self._ask("initialize", root)
        self._tell("initialized", {})
        self._tell("workspace/didChangeConfiguration", {"settings": {"yaml": SETTINGS}})

    def end(self) -> None:
        """End the server and wait for it."""
        self.process.kill()
        self.process.communicate()

    def marks(self, name: str, text: str) -> list[tuple[int, str]]:
        """Give what is marked in a file: line, from 1, and message."""
        uri = self._type(name, text)
        while uri not in self._marks:
            self._answer(self._read())
        found = self._marks[uri]
        return sorted((mark["range"]["start"]["line"] + 1, mark["message"]) for mark in found)

    def proposals(self, name: str, text: str) -> list[str]:
        """Give what is proposed where the bar stands."""
        found = self._at_bar("textDocument/completion", name, text)
        items = found["items"] if isinstance(found, dict) else found or []
        return [item["label"] for item in items]

    def hover(self, name: str, text: str) -> str:
        """Give what is shown for the key at the bar."""
        return str(self._at_bar("textDocument/hover", name, text)["contents"]["value"])

    def _at_bar(self, method: str, name: str, text: str) -> Any:
        before, _, after = text.partition("|")
        place = {"line": before.count("\n"), "character": len(before.rpartition("\n")[2])}
        uri = self._type(name, before + after)
        return self._ask(method, {"textDocument": {"uri": uri}, "position": place})

    def _type(self, name: str, text: str) -> str:
        uri = (self.folder / name).as_uri()
        self._marks.pop(uri, None)
        version = next(self._ids)
        if uri in self._open:
            document = {"uri": uri, "version": version}
            change = {"textDocument": document, "contentChanges": [{"text": text}]}
            self._tell("textDocument/didChange", change)
        else:
            self._open.add(uri)
            document = {"uri": uri, "version": version, "languageId": "yaml", "text": text}
            self._tell("textDocument/didOpen", {"textDocument": document})
        return uri

    def _ask(self, method: str, params: Any) -> Any:
        number = next(self._ids)
        self._send({"id": number, "method": method, "params": params})
        while True:
            message = self._read()
            if message.get("id") == number and "method" not in message:
                assert "error" not in message, message
                return message["result"]
            self._answer(message)

    def _tell(self, method: str, params: Any) -> None:
        self._send({"method": method, "params": params})

    def _send(self, message: dict[str, Any]) -> None:
        content = json.dumps({"jsonrpc": "2.0", **message}).encode()
        assert self.process.stdin is not None
        self.process.stdin.write(b"Content-Length: %d\r\n\r\n%b" % (len(content), content))
        self.process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        size = 0
        while line := self.process.stdout.readline().strip():
            if line.lower().startswith(b"content-length:"):
                size = int(line.partition(b":")[2])
        assert size, "the language server has ended"
        message: dict[str, Any] = json.loads(self.process.stdout.read(size))
        return message

    def _answer(self, message: dict[str, Any]) -> None:
        if message.get("method") == "textDocument/publishDiagnostics":
            self._marks[message["params"]["uri"]] = message["params"]["diagnostics"]
        elif "id" in message and "method" in message:
            asked = message["params"].get("items", []) if message.get("params") else []
            settings = [SETTINGS if item.get("section") == "yaml" else {} for item in asked]
            self._send({"id": message["id"], "result": settings or None})


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install the language server in a folder of its own; without npm the test is skipped."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("no npm; apt-get install npm")
    folder = tmp_path_factory.mktemp("server")
    command = [npm, "install", "--prefix", str(folder), "--no-audit", "--no-fund", SERVER]
    ended = subprocess.run(command, check=False, capture_output=True, text=True)
    assert 0 == ended.returncode, ended.stderr
    return folder / "node_modules" / ".bin" / "yaml-language-server"


@pytest.fixture(scope="module")
def editor(server: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Editor]:
    """Open a project for which `config schema` has written schemas and lines."""
    folder = tmp_path_factory.mktemp("project").resolve()
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    command = [sys.executable, "-m", "brevetti_hydra", "config", "schema", "--write-modelines"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    opened = Editor(server, folder)
    yield opened
    opened.end()


def head(editor: Editor, name: str) -> str:
    """Give the header and the line that names the schema, as the command left them."""
    lines = (editor.folder / name).read_text(encoding="utf-8").splitlines(keepends=True)
    directives = ("# @package", "# yaml-language-server")
    return "".join(line for line in lines if line.startswith(directives))


def test_shipped_and_own_files_have_no_marks(editor: Editor, server: Path) -> None:
    """Files as they ship, as the example has them, and as a user wrote them, are right."""
    for name in (FIRST, SGD, MINE, "conf/job/trainer.yaml"):
        text = (editor.folder / name).read_text(encoding="utf-8")
        assert [] == editor.marks(name, text), name
    for folder in (REPOSITORY, REPOSITORY / "examples" / "image_classifier"):
        other = Editor(server, folder)
        for path in sorted((folder / "conf").rglob("*.yaml")):
            text = path.read_text(encoding="utf-8")
            assert [] == other.marks(path.relative_to(folder).as_posix(), text), path
        other.end()


@pytest.mark.parametrize(
    ("name", "text", "wanted"),
    [
        (FIRST, "|", {"lr", "mode", "optimizer", "weights", "layers", "job", "run", "defaults"}),
        (FIRST, "lr: 0.1\nmo|", {"mode"}),
        (FIRST, "mode: |", {"fast", "slow"}),
        (FIRST, "optimizer:\n  |", {"kind", "beta", "momentum"}),
        (FIRST, "optimizer:\n  kind: |", {"adam", "sgd"}),
        (FIRST, "optimizer:\n  kind: sgd\n  |", {"momentum"}),
        (FIRST, "run:\n  |", {"seed", "tags", "capture"}),
        (FIRST, "platform:\n  settings_layer: |", {"above_yaml", "below_yaml"}),
        (FIRST, "job:\n  datasets:\n    a:\n      |", {"bucket", "mapping"}),
        (FIRST, "defaults:\n  - |", {"_self_", "override /job", "/dataset", "optional /platform"}),
        (FIRST, "defaults:\n  - override /job: |", {"classifier", "hello", "trainer"}),
        (FIRST, "defaults:\n  - /dataset: [|]", {"folder", "mine"}),
        (SGD, "|", {"kind", "momentum", "defaults"}),
        (SGD, "kind: |", {"adam", "sgd"}),
        (MINE, "a:\n  |", {"bucket", "tags"}),
    ],
)
def test_it_completes(name: str, text: str, wanted: set[str], editor: Editor) -> None:
    """Keys, values of enums, options of groups and keys of a chosen variant are proposed."""
    proposed = editor.proposals(name, head(editor, name) + text)

    assert set() == wanted - set(proposed)


def test_it_proposes_nothing_that_is_wrong(editor: Editor) -> None:
    """Keys of other jobs and of other variants, and what stands there, are not proposed."""
    line = head(editor, FIRST)

    assert {"epochs", "greeting", "lr"}.isdisjoint(editor.proposals(FIRST, f"{line}lr: 0.1\n|"))
    assert {"kind", "beta"}.isdisjoint(
        editor.proposals(FIRST, f"{line}optimizer:\n  kind: sgd\n  |")
    )


@pytest.mark.parametrize(
    ("name", "text", "marks"),
    [
        (FIRST, "lr: 1e-3\nmode: ${x}\nlayers: [1, ???]\nweights: {a: .5, b: 1_0}", []),
        (FIRST, "base: &b {a: 1}\nweights: {<<: *b}", [(1, "Property base is not allowed.")]),
        (FIRST, "rate: 0.1", [(1, "Property rate is not allowed.")]),
        (FIRST, "\nlr: -1", [(2, "Value is below the exclusive minimum of 0.")]),
        (FIRST, "lr: many", [(1, "must be a number, or ${...}")]),
        (FIRST, "mode: fats", [(1, 'Value is not accepted. Valid values: "fast", "slow".')]),
        (FIRST, "weights: 3", [(1, "Incorrect type. Expected one of object, string.")]),
        (
            FIRST,
            "optimizer:\n  kind: adam\n  momentum: 0.5",
            [(3, "Property momentum is not allowed.")],
        ),
        (FIRST, "run:\n  sed: 1", [(2, "Property sed is not allowed.")]),
        (FIRST, "defaults:\n  - /datset: mine", [(2, "Property /datset is not allowed.")]),
        (
            FIRST,
            "defaults:\n  - /dataset: mne",
            [(2, 'Value is not accepted. Valid values: "folder", "mine", null.')],
        ),
        (SGD, "kind: sgd\nbeta: 0.5", [(2, "Property beta is not allowed.")]),
        (SGD, "optimizer: {kind: sgd}", [(1, "Property optimizer is not allowed.")]),
        (MINE, "a: {bucket: x, tag: y}", [(1, "Property tag is not allowed.")]),
    ],
)
def test_it_marks(name: str, text: str, marks: list[tuple[int, str]], editor: Editor) -> None:
    """A mistake is marked in its line, once, in words that say what is wrong."""
    above = head(editor, name)
    count = above.count("\n")

    assert [(line + count, message) for line, message in marks] == editor.marks(name, above + text)


def test_it_tells_what_a_setting_is(editor: Editor) -> None:
    """Over a key its description, type, bounds and default are shown."""
    shown = editor.hover(FIRST, head(editor, FIRST) + "l|r: 0.1\n")

    assert "learning rate\n\n`float` (> 0), default `0.1`" in shown
