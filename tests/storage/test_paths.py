"""Addresses: what is a URL, what is a path, what may be printed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brevetti_hydra._masks import without_credentials
from brevetti_hydra.errors import MissingExtraError, StorageReadError, UnsafePathError
from brevetti_hydra.storage.paths import (
    absolute_address,
    child_path,
    is_remote,
    is_url,
    join_url,
    local_path,
    open_path,
    split_chain,
)

NAMES = st.text(
    st.characters(blacklist_characters="/\0", blacklist_categories=["Cs"]), min_size=1, max_size=20
).filter(lambda name: name not in {".", ".."})


@pytest.mark.parametrize(
    ("text", "url", "remote"),
    [
        ("/data/d", False, False),
        ("data", False, False),
        ("./s3://bucket", False, False),
        ("weird::name", False, False),
        ("zip::x", False, False),
        ("a*b[c]?", False, False),
        ("C:\\data", False, False),
        ("file:///d", True, False),
        ("s3://bucket/d", True, True),
        ("memory://d", True, True),
        ("zip://::/d/x.zip", True, True),
        ("zip:///d/x.zip", True, True),
        ("simplecache::s3://bucket/d", True, True),
    ],
)
def test_tells_urls_from_paths(text: str, *, url: bool, remote: bool) -> None:
    """Only `scheme://`, bare or behind the links of a chain, makes a URL."""
    assert (url, remote) == (is_url(text), is_remote(text))


@given(NAMES)
def test_any_name_in_a_folder_is_local(name: str) -> None:
    """Behind a slash no name is read as anything but a name."""
    assert Path(f"/data/{name}") == local_path(f"/data/{name}")
    assert not is_remote(f"/data/{name}")
    assert Path(f"/data/{name}") == open_path(f"/data/{name}")


@given(NAMES)
def test_any_name_joins_to_a_local_path(name: str) -> None:
    """A name that looks like a URL is joined as a name."""
    assert str(Path("/data") / name) == str(open_path("/data") / name)
    assert str(Path("/data") / name) == str(open_path("/data").joinpath(name))


def test_reads_file_urls_literally(tmp_path: Path) -> None:
    """A file:// URL is not unquoted, as fsspec does not."""
    assert Path("/d/a%20b#c::e") == local_path("file:///d/a%20b#c::e")
    assert tmp_path / "x" == local_path("file://x", base=tmp_path)


def test_relative_means_the_folder_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative address keeps its meaning when the working directory changes."""
    monkeypatch.chdir(tmp_path)
    assert str(tmp_path / "d") == absolute_address("d")
    assert f"zip://::{tmp_path}/d.zip" == absolute_address("zip://d.zip")
    assert f"zip://in::{tmp_path}/d.zip" == absolute_address("zip://in::d.zip")
    assert "memory://d" == absolute_address("memory://d")


def test_expands_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    """A leading `~/` is the home folder; a folder named `~` is `./~`."""
    monkeypatch.setenv("HOME", "/home/me")
    assert Path("/home/me/d") == local_path("~/d")
    assert Path("/base/~") == local_path("./~", base="/base")


def test_opens_local_paths_for_every_library(tmp_path: Path) -> None:
    """A local path is a pathlib.Path, which all libraries take."""
    path: Any = open_path(str(tmp_path))
    assert isinstance(path, Path)
    assert str(tmp_path / "a") == os.fspath(path / "a")
    assert tmp_path / "a" == path / "a"


def test_splits_and_joins_chains() -> None:
    """Names are joined to the first path of a chain."""
    assert ("zip://in", "::file:///x.zip") == split_chain("zip://in::file:///x.zip")
    assert "zip://in/a b::file:///x.zip" == join_url("zip://in::file:///x.zip", "a b")
    assert "zip://a::/x.zip" == join_url("zip:///x.zip", "a")
    assert "simplecache::s3://b/k/a" == join_url("simplecache::s3://b/k", "a")


def test_a_missing_package_is_named() -> None:
    """A URL whose file system is not installed names the package."""
    with pytest.raises(MissingExtraError) as caught:
        open_path("abfs://container/d")

    assert ("adlfs", "pip install adlfs") == (caught.value.package, caught.value.hint)


def test_an_unknown_scheme_is_named() -> None:
    """A URL of an unknown scheme is an error, with a similar one."""
    with pytest.raises(StorageReadError) as caught:
        open_path("memry://d")

    assert "no file system is known for 'memry://'" == caught.value.message
    assert "a similar name exists: 'memory://'" == caught.value.hint


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("/plain/user:pw@x?key=1", "/plain/user:pw@x?key=1"),
        (
            "https://me:pw@host/d?page=2&token=abc#k",
            "https://**********@host/d?page=2&token=**********#k",
        ),
        ("https://ghp_abc@host/d", "https://**********@host/d"),
        ("s3://KEY:SEC/RET@bucket/d", "s3://**********@bucket/d"),
        ("s3://bucket/a@b", "s3://bucket/a@b"),
        ("ftp://host:21/a@b", "ftp://host:21/a@b"),
        ("sftp://me@host/d", "sftp://me@host/d"),
        ("sftp://me:pw@host/d", "sftp://**********@host/d"),
        ("github://org:repo@main/d", "github://org:repo@main/d"),
        ("abfs://container@account/d", "abfs://container@account/d"),
        (
            "zip://in::https://me:pw@h/x.zip?sig=a",
            "zip://in::https://**********@h/x.zip?sig=**********",
        ),
        (
            "https://h/d?X-Amz-Signature=a&%6Bey=b",
            "https://h/d?X-Amz-Signature=**********&%6Bey=**********",
        ),
    ],
)
def test_masks_credentials(url: str, expected: str) -> None:
    """What opens doors is masked, what is only a name stays."""
    assert expected == without_credentials(url)


@given(
    st.sampled_from(["s3", "https", "sftp", "webdav"]),
    st.text("abcXYZ0189+=-_.%@", min_size=1, max_size=20).map(lambda text: f"<{text}>"),
)
def test_no_password_survives(scheme: str, password: str) -> None:
    """A password of any shape is not in the printed URL."""
    assert password not in without_credentials(f"{scheme}://user:{password}@host/d/x?a=1")
    assert password not in without_credentials(f"{scheme}://host/d?a=1&api_key={password}")


@given(st.text(max_size=40))
def test_masking_twice_changes_nothing(text: str) -> None:
    """Masking never fails, and what is masked stays as it is."""
    once = without_credentials(f"s3://{text}")
    assert once == without_credentials(once)


@pytest.mark.parametrize("parts", [("..", "x"), ("a", "../../x"), ("/etc",), ("a\0b",)])
def test_a_child_stays_in_its_folder(parts: tuple[str, ...]) -> None:
    """A joined path that leaves its folder is refused."""
    with pytest.raises(UnsafePathError):
        child_path(Path("/root"), *parts)


def test_a_child_is_joined() -> None:
    """Ordinary parts are joined, whatever they hold."""
    assert Path("/base/a/b..c/zip::x") == child_path(Path("/base"), "a", "b..c/zip::x")


def test_import_is_light() -> None:
    """Importing the package brings no library that only some runs need."""
    code = (
        "import sys, brevetti_hydra.storage as s; [getattr(s, n) for n in s.__all__];"
        "print([m for m in ('fsspec', 'upath', 'pandas', 'tarfile', 'shutil', 'pydantic')"
        " if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "[]\n" == done.stdout
