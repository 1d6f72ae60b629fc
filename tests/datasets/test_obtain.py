"""Finding data files, and the command behind ``scripts/fetch_data.sh``."""

import hashlib
import re

import pytest

from grustab.datasets import download as module
from grustab.datasets import fetch
from grustab.datasets.download import download, obtain
from grustab.errors import DataError
from tests.datasets.server import CONTENT, SHA256, assert_one_sentence

pytestmark = pytest.mark.usefixtures("clean_environment")


def test_obtain_downloads_into_the_cache(remote, tmp_path):
    path = obtain(remote("whole"))
    assert path == tmp_path / "cache" / "grustab" / "data.bin"
    assert path.read_bytes() == CONTENT


def test_relative_cache_folder_is_ignored(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert module.default_folder() == tmp_path / ".cache" / "grustab"


@pytest.mark.parametrize("by_variable", [True, False])
def test_obtain_from_a_folder(remote, server, tmp_path, monkeypatch, by_variable):
    folder = tmp_path / "my data"
    directory = folder
    if by_variable:
        monkeypatch.setenv("GRUSTAB_DATA", str(folder))
        directory = None
    for _ in range(2):
        with pytest.raises(DataError, match=r"not in the folder .*my data.*fetch_data") as error:
            obtain(remote("whole"), directory)
        assert_one_sentence(error)
        folder.mkdir(exist_ok=True)
    (folder / "data.bin").write_bytes(CONTENT)
    assert obtain(remote("whole"), directory) == folder / "data.bin"
    assert server.requests == []


@pytest.mark.parametrize("way", ["GRUSTAB_DATA", "XDG_CACHE_HOME", "--dir"])
def test_a_tilde_is_the_home_folder(remote, tmp_path, monkeypatch, way):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fetch, "FILES", (remote("whole"),))
    if way != "--dir":
        monkeypatch.setenv(way, "~/a b")
    assert fetch.main([*["--dir", "~/a b"][: 2 * (way == "--dir")], "ptb"]) == 0
    assert [path.parent for path in tmp_path.rglob("data.bin")] == [
        tmp_path / "a b" / ("grustab" if way == "XDG_CACHE_HOME" else "")
    ]


def test_damaged_file_is_refused_and_kept(remote, server, tmp_path):
    (tmp_path / "data.bin").write_bytes(b"damaged")
    found = hashlib.sha256(b"damaged").hexdigest()
    for get in (obtain, download):
        with pytest.raises(DataError, match=f"{found[:12]}.*{SHA256[:12]}.*delete it") as error:
            get(remote("whole"), tmp_path)
        assert_one_sentence(error)
    assert (tmp_path / "data.bin").read_bytes() == b"damaged"
    assert server.requests == []


def test_fetch_says_what_it_does(remote, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "FILES", (remote("whole"),))
    for listed in ("data.bin (0.5 MB)", "nothing"):
        assert fetch.main(["--dir", str(tmp_path / "a b"), "ptb"]) == 0
        output = capsys.readouterr().out
        assert f"To download into {tmp_path / 'a b'}: {listed}" in output
        assert "All there: data.bin" in output


def test_fetch_errors(remote, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "FILES", (remote("missing"),))
    assert fetch.main(["--dir", str(tmp_path), "ptb"]) == 2
    assert fetch.main(["--dir", str(tmp_path), "mnist"]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 2
    assert "HTTP status 404" in errors[0]
    assert "'mnist'" in errors[1]


def test_fetch_prints_no_odd_letters(remote, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "FILES", (remote("missing"),))
    assert fetch.main(["--dir", str(tmp_path / "\x1b[2J\udce9\n"), "ptb"]) == 2
    out, err = capsys.readouterr()
    assert (out[-1], err[-1]) == ("\n", "\n")
    assert (out + err).replace("\n", "", 2).isprintable()


def test_fetch_interrupted(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "fetch_all", interrupt)
    assert fetch.main([]) == 130
    assert "start it again" in capsys.readouterr().err


def test_addresses_are_pinned():
    for file in fetch.FILES:
        for url in file.urls:
            assert re.match(r"https?://", url)
            assert file.sha256 is None or re.search(r"/[0-9a-f]{40}/", url)
        assert file.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", file.sha256)
