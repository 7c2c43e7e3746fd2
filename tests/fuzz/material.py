"""Good configurations, and cases made of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import Case
from mutate import encoded, mutate_bytes, mutate_json, mutate_text
from words import ARGUMENTS, INTERPOLATIONS, KEYS, SCALARS, TARGETS

if TYPE_CHECKING:
    from random import Random

__all__ = ["Maker", "good_case"]

_REPOSITORY = Path(__file__).resolve().parents[2]
_PROJECT = Path(__file__).resolve().parent / "project"
_LINES = (
    ["job=fuzz"],
    ["job=fuzz", "experiment=all"],
    ["job=fuzz", "optim=sgd", "model@model=large", "epochs=3"],
    ["job=fuzz_jobs:FuzzJob", "label=x", "weights={a:1}"],
    ["job=fuzz", "--epochs", "4", "--layers", "[1,2]", "weights['any text']=3"],
    ["job=hello"],
    ["job=classifier", "experiment=tiny", "dataset=folder"],
    ["--config-name", "brevetti", "job=fuzz", "~experiment", "+extra=one"],
)
# Words with which a platform might ask for the environment.
_ASKING = ("${oc.env:FUZZ_CANARY}", "${oc.decode:'${oc.env:FUZZ_CANARY}'}", "$FUZZ_CANARY")


def _files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.suffix in {".yaml", ".json", ".toml"} and path.is_file()
    }


def good_case() -> Case:
    """Give a case in which nothing is wrong."""
    line = ["job=fuzz", "experiment=all", "--info_file", "info.json"]
    return Case("yaml", _files(_PROJECT), line)


class Maker:
    """Makes cases from a seeded generator, and from cases that showed something new.

    Attributes:
        random: The generator.
    """

    def __init__(self, random: Random) -> None:
        self.random = random
        self._project = _files(_PROJECT)
        self._texts = [
            content.decode()
            for folder in (_PROJECT, _REPOSITORY / "conf", _REPOSITORY / "examples")
            for name, content in _files(folder).items()
            if name.endswith(".yaml")
        ]
        self._kept: dict[str, list[Case]] = {"yaml": [], "override": [], "info": []}

    def keep(self, case: Case) -> None:
        """Take a case as the ground of further ones: it led to something new."""
        if sum(map(len, case.files.values())) < 100_000:
            kept = self._kept[case.kind]
            kept.append(case)
            del kept[:-400]

    def make(self, kind: str) -> Case:
        """Make a case of a kind."""
        kept = self._kept[kind]
        if kept and self.random.random() < 0.35:
            ground = self.random.choice(kept)
        else:
            ground = Case(kind, dict(self._project), list(self.random.choice(_LINES)))
        return {"yaml": self._yaml, "override": self._line, "info": self._info}[kind](ground)

    def _yaml(self, ground: Case) -> Case:
        random = self.random
        files = dict(ground.files)
        names = [name for name in files if name.endswith(".yaml")]
        for _ in range(random.choice((1, 1, 1, 2, 3))):
            name = random.choice((*names, "conf/brevetti.yaml", "conf/job/fuzz.yaml"))
            content = files.get(name, b"")
            if random.random() < 0.1 or not content:
                content = random.choice(self._texts).encode("utf-8", "surrogatepass")
            if random.random() < 0.1:
                files[name] = mutate_bytes(random, content)
            else:
                text = content.decode("utf-8", "replace")
                files[name] = encoded(random, mutate_text(random, text))
        if random.random() < 0.03:
            table = files["pyproject.toml"].decode("utf-8", "replace")
            files["pyproject.toml"] = encoded(random, mutate_text(random, table))
        return Case("yaml", files, list(ground.argv))

    def _line(self, ground: Case) -> Case:
        random = self.random
        argv = list(ground.argv)
        for _ in range(random.choice((1, 1, 2, 3, 8))):
            word = random.choice((self._argument, self._override, self._changed))(argv)
            argv.insert(random.randrange(len(argv) + 1), word)
        if random.random() < 0.15 and argv:
            del argv[random.randrange(len(argv))]
        if random.random() < 0.02:
            argv += [f"weights.k{number}={number}" for number in range(random.choice((50, 500)))]
        return Case("override", dict(ground.files), argv)

    def _argument(self, argv: list[str]) -> str:
        del argv
        return self.random.choice(ARGUMENTS)

    def _override(self, argv: list[str]) -> str:
        del argv
        random = self.random
        sign = random.choice(("", "", "", "+", "++", "~", "--", "--", "+++", " "))
        value = random.choice(random.choice((SCALARS, INTERPOLATIONS, TARGETS, KEYS)))
        quote = random.choice(("", "", "", "'", '"'))
        form = random.choice(
            ("{}", "{}", "[{}]", "{{a: {}}}", "[{},{}]", "int({})", "choice({},{})")
        )
        return f"{sign}{random.choice(KEYS)}={form.format(*[f'{quote}{value}{quote}'] * 2)}"

    def _changed(self, argv: list[str]) -> str:
        """Change a word that stands there by some characters."""
        random = self.random
        word = random.choice(argv) if argv else "a=1"
        for _ in range(random.choice((1, 2, 4))):
            at = random.randrange(len(word) + 1)
            new = random.choice(
                ("", "=", "[", "]", "{", "'", '"', ",", ":", "${", "}", "\\", ".", "é", "@")
            )
            word = word[:at] + new + word[at + random.choice((0, 0, 1)) :]
        return word

    def _info(self, ground: Case) -> Case:
        random = self.random
        files = dict(ground.files)
        content = files.get("info.json", self._project["info.json"])
        argv = [word for word in ground.argv if not word.startswith("--info_file")]
        if "--info_file" not in ground.argv:
            argv += ["--info_file", "info.json"]
        else:
            argv = list(ground.argv)
        form = random.random()
        if form < 0.1:
            content = mutate_bytes(random, content)
        elif form < 0.25:
            content = encoded(random, mutate_json(random, content.decode("utf-8", "replace")))
        elif form < 0.28:
            content = _huge(random)
        else:
            content = self._sent(content)
        files["info.json"] = content
        # The files of the project ask for the environment themselves, by names of their own.
        return Case("info", files, argv, is_sent_alone=True)

    def _sent(self, content: bytes) -> bytes:
        """Put odd values at any place of the document."""
        random = self.random
        try:
            document: Any = json.loads(content)
        except (ValueError, RecursionError):
            document = json.loads(self._project["info.json"])
        for _ in range(random.choice((1, 1, 2, 5))):
            document = _replaced(random, document, self._odd())
        try:
            text = json.dumps(document, ensure_ascii=random.random() < 0.5)
        except (ValueError, RecursionError):
            text = "[" * 100_000
        return text.encode("utf-8", "surrogatepass")

    def _odd(self) -> Any:
        random = self.random
        number = random.choice(
            (0, -1, 1 << 70, 10**4000, 1e308, float("nan"), float("inf"), -0.0, 0.5)
        )
        word = random.choice(random.choice((SCALARS, INTERPOLATIONS, _ASKING, TARGETS, KEYS)))
        key = random.choice(KEYS)
        return random.choice(
            (
                *(number, number, None, True, [], {}, "", word, word, word, [word], {key: word}),
                *({key: number}, {"name": word}, {"bucket": f"{word}://x"}, {"bucket": "../../x"}),
                *(_nested(random.choice((20, 70, 300)), "a"), [[word]] * 50, {"_target_": word}),
                *({"hydra": {"callbacks": {"x": {"_target_": "bait_outside.X"}}}}, f"[{word}]"),
                *(
                    {"settings": {key: word}},
                    {"job": {"_target_": "bait_outside:X"}},
                    f'{{"a": "{word}"}}',
                ),
                *({f"k{index}": index for index in range(3000)}, list(range(3000))),
            )
        )


def _nested(levels: int, key: str) -> Any:
    value: Any = 1
    for level in range(levels):
        value = {key: value} if level % 2 else [value]
    return value


def _replaced(random: Random, document: Any, value: Any) -> Any:
    """Put a value somewhere in a document, in the place of another or beside it."""
    if not isinstance(document, (dict, list)) or not document or random.random() < 0.05:
        return value
    if isinstance(document, list):
        at = random.randrange(len(document))
        return [*document[:at], _replaced(random, document[at], value), *document[at + 1 :]]
    if random.random() < 0.2:
        return {**document, random.choice(KEYS): value}
    key = random.choice(list(document))
    if key != "settings" and "settings" in document and random.random() < 0.4:
        key = "settings"
    if random.random() < 0.05:
        return {name: each for name, each in document.items() if name != key}
    return {**document, key: _replaced(random, document[key], value)}


def _huge(random: Random) -> bytes:
    begin = b'{"name": "x", "settings": {"anything": '
    return random.choice(
        (
            begin + b"[" * 200_000 + b"]" * 200_000 + b"}}",
            begin + b'{"a":' * 5_000 + b"1" + b"}" * 5_000 + b"}}",
            begin + b'"' + b"x" * (20 << 20) + b'"}}',
            begin + b'"' + b"x" * (5 << 20) + b'"}}',
            begin + b"9" * 5_000 + b"}}",
            begin + b"9" * (2 << 20) + b"}}",
            begin + b"[" + b"1," * 500_000 + b"1]}}",
            begin + b"{" + b",".join(b'"k%d":1' % n for n in range(100_000)) + b"}}}",
            b'{"name": "x", "settings": {'
            + b",".join(b'"k%d":1' % n for n in range(20_000))
            + b"}}",
            b'{"name": "x", "settings": {}, "datasets": ['
            + b'{"name":"a"},' * 50_000
            + b'{"name":"a"}]}',
            b'{"name": "x", "name": "y", "settings": {"epochs": 1, "epochs": 2}}',
            b'{"name": "x", "settings": {"weights": {'
            + b",".join(b'"k%d":1' % n for n in range(50_000))
            + b"}}}",
            b"\xff\xfe" + b'{"name": 1}',
            b"",
            b"null",
        )
    )
