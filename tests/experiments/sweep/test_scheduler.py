"""Addresses of a Dask scheduler that cannot be used."""

import sys

import pytest


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("tcp://127.0.0.1:1", "cannot be reached ("),
        ("nonsense", "not an address, "),
        ("x://y:1", "not an address, "),
        ("", "not an address, "),
    ],
)
def test_a_scheduler_that_cannot_be_used_is_one_sentence(
    refused, tiny, b, monkeypatch, address, expected
):
    pytest.importorskip("distributed")
    monkeypatch.setattr("experiments.sweep.cluster.TIMEOUT", 0.5)
    sentence = refused("sweep", tiny(), "--seeds=0", "--out", b, f"--scheduler={address}")
    assert sentence.startswith(f"--scheduler {address}: {expected}")
    assert "tcp://HOST:8786" in sentence


def test_a_machine_without_dask_is_told_what_to_install(refused, tiny, b, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "experiments.sweep.cluster", raising=False)
    sentence = refused("sweep", tiny(), "--scheduler", "tcp://127.0.0.1:1", "--out", b)
    assert "requirements-cluster.txt" in sentence
