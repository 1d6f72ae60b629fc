"""The server, and files to be had from it."""

import threading

import pytest

from grustab.datasets.download import RemoteFile
from tests.grustab.datasets.server import SHA256, SIZE, Handler, Server


@pytest.fixture
def server():
    with Server(("127.0.0.1", 0), Handler) as running:
        running.requests = []
        running.stop = threading.Event()
        running.url = f"http://127.0.0.1:{running.server_address[1]}"
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.stop.set()
        running.shutdown()
        thread.join()


@pytest.fixture
def clean_environment(monkeypatch, tmp_path):
    for name in ("GRUSTAB_DATA", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def remote(server):
    def make(*manners, size=SIZE, sha256=SHA256):
        urls = tuple(m if ":" in m else f"{server.url}/{m}" for m in manners)
        return RemoteFile("ptb", "data.bin", urls, size, sha256)

    return make
