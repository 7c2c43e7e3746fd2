"""No secret stands in anything that a run leaves or prints."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra._masks import MASK, Masking
from brevetti_hydra.run import ConfigText
from brevetti_hydra.run.history import read_snapshot
from brevetti_hydra.run.masking import StreamMask

if TYPE_CHECKING:
    from pathlib import Path

    from brevetti_hydra.run import RunContext

    from .conftest import Starter

SECRET = "CANARY/ke+y 1ü\"q'"
FORMS = {
    SECRET,
    quote(SECRET),
    quote(SECRET, safe=""),
    quote_plus(SECRET),
    quote(SECRET, safe="").lower(),
    json.dumps(SECRET)[1:-1],
    repr(SECRET)[1:-1],
}


def leaks_below(folder: Path) -> list[str]:
    """Name the files that hold the canary, in any form, or any piece that is long enough."""
    pieces = [form.encode() for form in FORMS] + [b"CANARY"]
    return [
        f"{path.relative_to(folder)}: {piece!r}"
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        for piece in pieces
        if piece in path.read_bytes() or piece in str(path).encode()
    ]


def git(folder: Path, *command: str) -> None:
    base = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run([*base, *command], check=True, capture_output=True)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Make a git tree with the canary wherever a user may have put it."""
    folder = tmp_path / "project"
    (folder / "pkg").mkdir(parents=True)
    for name in (".env", "pkg/job.py", "notes.txt", "pkg/api_key.py", "server.pem", "conf.yaml"):
        (folder / name).write_text("x = 1\n")
    git(folder, "init", "-q")
    git(folder, "add", "-f", ".")
    git(folder, "commit", "-q", "-m", "one")
    git(
        folder, "remote", "add", "origin", "https://me:CANARYpassword@host.example/r.git?key=CANARY"
    )
    for name in (".env", "pkg/job.py", "notes.txt", "pkg/api_key.py", "server.pem", "conf.yaml"):
        (folder / name).write_text(f"x = 2  # {SECRET}\n")
    (folder / "untracked.py").write_text(SECRET)
    (folder / "pkg" / "untracked.py").write_text(SECRET)
    return folder


def work_that_tells(run: RunContext) -> None:
    """Put the canary wherever a job can put something."""
    print(SECRET, quote(SECRET))
    print(f"half of it: {SECRET[:7]}", end="", flush=True)
    print(SECRET[7:], flush=True)
    sys.stderr.write(json.dumps({"key": SECRET}) + "\n")
    subprocess.run([sys.executable, "-c", "import sys; print(sys.argv[1])", SECRET], check=True)
    run.logger.warning("the key is %s", SECRET)
    run.add_output_metric(f"metric {SECRET}", 1)
    run.report_progress(1, {SECRET: 1})
    try:
        raise KeyError(SECRET)
    except KeyError:
        run.logger.exception("with %s", quote(SECRET))
    raise ValueError(f"cannot log in with {SECRET} at https://h/?key={quote(SECRET, safe='')}")


def test_a_canary_is_nowhere(
    starter: Starter, tree: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The api key, however it is spelled, is in no file and in no line that was printed."""
    monkeypatch.chdir(tree)
    monkeypatch.setenv("MKL_SECRET_KEY", SECRET)
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    context = starter.context(
        secrets=[SECRET],
        settings_json={"token": SECRET, "nested": {"url": quote(SECRET), f"k {SECRET}": [SECRET]}},
        config={"token": SECRET},
        origins={"token": [f"argument 1: token={SECRET}"]},
        choices={"x": SECRET},
        overrides=[f"token={SECRET}"],
        command=["x", f"token={SECRET}"],
        sources=[
            ConfigText("conf.yaml", f"token: {SECRET}\n".encode()),
            ConfigText(".env", SECRET.encode()),
        ],
        info={"name": "a", "settings": {}, "api_key": SECRET, "remote_url": f"/x?key={SECRET}"},
        run={"note": f"note {SECRET}", "name": SECRET, "tags": [SECRET]},
        package_folders=[tree / "pkg"],
    )

    with pytest.raises(ValueError, match="cannot log in"):
        starter.run(context, work_that_tells)

    printed = capfd.readouterr()
    assert [] == leaks_below(starter.root)
    assert [] == [form for form in FORMS if form in printed.out + printed.err]
    assert MASK in context.folder.log.read_text()
    assert MASK.encode() in context.folder.patch.read_bytes()


def test_the_patch_holds_sources_of_the_job_only(starter: Starter, tree: Path) -> None:
    """A patch takes .py files of the job's packages, and nothing that may hold a secret."""
    context = starter.context(package_folders=[tree / "pkg"])

    starter.run(context, lambda _: None)

    patch = context.folder.patch.read_text()
    assert ["a/pkg/job.py"] == [line.split()[2] for line in patch.splitlines() if "diff" in line]


texts = st.text(min_size=1, max_size=40)


# The mask itself must not hold a secret, nor make one together with what stands beside it.
secrets = st.text(min_size=6, max_size=20).filter(str.strip).filter(lambda text: "*" not in text)


@given(secrets, texts, texts)
def test_masking_leaves_no_form(secret: str, before: str, after: str) -> None:
    """No form of a secret is left in a text, however it is spelled there."""
    masking = Masking([secret])
    for form in masking.forms:
        assert form not in masking.text(before + form + after)


@given(
    st.lists(st.integers(1, 7), max_size=30),
    st.lists(st.sampled_from(["secret-1", "secre", "x", "1"]), max_size=12),
)
def test_a_stream_is_masked_across_its_pieces(cuts: list[int], words: list[str]) -> None:
    """However a stream is cut into pieces, it comes out as if it had been one."""
    masking = Masking(["secret-1", "secret-22"])
    content = "".join(words).encode()
    stream = StreamMask(masking)
    shown = b""
    rest = content
    for cut in cuts:
        shown += stream.feed(rest[:cut])
        rest = rest[cut:]
    shown += stream.feed(rest) + stream.flush()

    assert masking.content(content) == shown


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": ["x secret-1", 1, None]}, {"a": [f"x {MASK}", 1, None]}),
        ({"the secret-1": 1}, {f"the {MASK}": 1}),
        (("secret-1",), [MASK]),
    ],
)
def test_trees_are_masked(value: Any, expected: Any) -> None:
    """Texts and keys of a tree are masked, and other values stay."""
    assert expected == Masking(["secret-1"]).tree(value)


def test_short_secrets_tear_no_text_apart() -> None:
    """A secret that may be an ordinary word is masked by its place alone (`config`)."""
    tree = {"name": "a name", "url": "s3://me:pw@host/x"}

    expected = {"name": "a name", "url": f"s3://{MASK}@host/x"}
    assert expected == Masking(["name", "k", "abcde"]).tree(tree)


def test_no_secret_masks_nothing() -> None:
    """Empty texts are no secrets."""
    assert (False, "a b") == (Masking(["", " "]).has_secrets, Masking(["", " "]).text("a b"))


def test_copies_are_left_out_with_their_reason(
    starter: Starter, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """YAML that git ignores, that is named like a secret or is large, is not copied."""
    monkeypatch.chdir(tree)
    (tree / ".gitignore").write_text("local.yaml\n")
    sources = [
        ConfigText("conf.yaml", b"a: 1\n"),
        ConfigText("local.yaml", b"password: hunter2\n"),
        ConfigText("api_key.yaml", b"a: 1\n"),
        ConfigText("large.yaml", b"#" * 1_000_001),
    ]

    context = starter.start(lambda _: None, sources=sources, package_folders=[tree])

    found = read_snapshot(context.folder).sources
    reasons = [None, "git ignores it", "its name may stand for a secret", "larger than 1 MB"]
    assert reasons == [source.left_out for source in found]
    assert ["config/sources/01-conf.yaml", None, None, None] == [s.copy_path for s in found]
    assert ["01-conf.yaml"] == [path.name for path in context.folder.sources_dir.iterdir()]
