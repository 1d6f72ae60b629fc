"""``scripts/fetch_data.sh``, and the command behind it."""

import re

import pytest

from grustab.datasets import fetch

pytestmark = pytest.mark.usefixtures("clean_environment")


@pytest.mark.parametrize("way", ["GRUSTAB_DATA", "--dir"])
def test_fetch_says_what_it_does(remote, tmp_path, monkeypatch, capsys, way):
    monkeypatch.setattr(fetch, "FILES", (remote("whole"),))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("GRUSTAB_DATA", "~/a b" if way == "GRUSTAB_DATA" else "")
    for listed in ("data.bin (0.5 MB)", "nothing"):
        assert fetch.main(["--dir", "~/a b", "ptb"] if way == "--dir" else ["ptb"]) == 0
        output = capsys.readouterr().out
        assert f"To download into {tmp_path / 'a b'}: {listed}" in output
        assert "All there: data.bin" in output


def test_errors_are_one_printable_line(remote, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fetch, "FILES", (remote("missing"),))
    for name, said in (("ptb", "HTTP status 404"), ("mnist", "choose from ptb")):
        assert fetch.main(["--dir", str(tmp_path / "\x1b[2J\udce9\n"), name]) == 2
        out, err = capsys.readouterr()
        assert said in err
        for text in (out, err):
            assert text.count("\n") <= 1
            assert text.removesuffix("\n").isprintable()
    assert fetch.main(["--dir", "", "ptb"]) == 2
    assert "--dir: expected a folder, got ''" in capsys.readouterr().err


def test_interrupted(monkeypatch, capsys):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(fetch, "download", interrupt)
    assert fetch.main([]) == 130
    assert "start it again" in capsys.readouterr().err


def test_addresses_are_pinned():
    for file in fetch.FILES:
        for url in file.urls:
            assert re.match(r"https?://", url)
            assert re.search(r"/[0-9a-f]{40}/", url)
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
