"""Addresses of a Dask scheduler that cannot be used."""

import sys

import pytest

from tests.experiments.checks import (
    start_command,
)


def test_a_scheduler_that_does_not_answer_is_one_sentence(tiny, b):
    pytest.importorskip("distributed")
    done = start_command(
        "sweep", tiny(), "--scheduler", "tcp://127.0.0.1:1", "--seeds", "0", "--out", b
    )
    _, err = done.communicate(timeout=20)
    assert done.returncode == 2
    assert err.startswith("error: --scheduler tcp://127.0.0.1:1: cannot be reached (")
    assert err.count("\n") == 1, err


def test_a_scheduler_without_an_address_is_one_sentence(tiny, b):
    pytest.importorskip("distributed")
    words = ("sweep", tiny(), "--seeds=0", "--out", b)
    started = {
        address: start_command(*words, f"--scheduler={address}")
        for address in ("nonsense", "x://y:1", "")
    }
    for address, process in started.items():
        _, err = process.communicate(timeout=30)
        assert process.returncode == 2, address
        assert err.startswith(f"error: --scheduler {address}: "), address
        assert err.count("\n") == 1, err
        assert "tcp://HOST:8786" in err


def test_a_machine_without_dask_is_told_what_to_install(refused, tiny, b, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "experiments.sweep.cluster", raising=False)
    sentence = refused("sweep", tiny(), "--scheduler", "tcp://127.0.0.1:1", "--out", b)
    assert "requirements-cluster.txt" in sentence
