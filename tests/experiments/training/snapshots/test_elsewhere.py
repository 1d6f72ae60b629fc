"""A run that goes on where other software or another machine may round otherwise."""

import pytest

pytestmark = pytest.mark.usefixtures("small_data")

POOL = {"internal_api": "openblas", "version": "0.3.30", "architecture": "Haswell"}
HERE = {
    "git": {"commit": "a" * 40, "dirty": False},
    "python": "3.13.1",
    "packages": {"numpy": "2.4.6", "scipy": "1.17.1", "cupy": "14.0"},
    "blas": [{**POOL, "num_threads": 1}, {**POOL, "num_threads": 1}],
    "simd": ["X86_V3"],
    "processor": "a",
    "device": "cpu",
}
END = ": the result may differ, if only in rounding, from that of a run that was never stopped"
CASES = [
    ({}, None),
    ({"processor": "b", "cores": 3, "packages": {"numpy": "2.4.6", "cupy": "14.1"}}, None),
    ({"git": {"commit": None, "dirty": None, "reason": "x"}}, None),
    (
        {"git": {"commit": "b" * 40, "dirty": True}},
        ("commit bbbbbbbbbb with changes", "commit aaaaaaaaaa"),
    ),
    ({"python": "3.11.2"}, ("Python 3.11.2", "Python 3.13.1")),
    ({"packages": {"numpy": "1.26"}}, ("numpy 1.26", "numpy 2.4.6")),
    ({"packages": {"numpy": "2.4.6", "scipy": "1.11"}}, ("scipy 1.11", "scipy 1.17.1")),
    (
        {"blas": [{**POOL, "architecture": "SkylakeX", "num_threads": 2}]},
        ("BLAS kernel SkylakeX, BLAS threads 2", "BLAS kernel Haswell, BLAS threads 1"),
    ),
    (
        {"blas": [{**POOL, "num_threads": 1}, {**POOL, "num_threads": 2}]},
        ("BLAS threads 1 and 2", "BLAS threads 1"),
    ),
    ({"blas": []}, None),
    ({"simd": None}, None),  # of an earlier version
    ({"simd": []}, ("NumPy's SIMD none", "NumPy's SIMD X86_V3")),
]


@pytest.fixture
def environment(monkeypatch):
    """Say what the next session runs on; keys that are ``None`` are left out."""

    def say(**changes):
        there = {key: value for key, value in {**HERE, **changes}.items() if value is not None}
        monkeypatch.setattr("experiments.training.run.describe_environment", lambda _: there)

    return say


def notes(out):
    return [line for line in out.splitlines() if line.startswith("note: ")]


@pytest.mark.parametrize(("before", "words"), CASES, ids=str)
def test_what_may_round_otherwise_is_said(stopped, go_on, environment, before, words):
    environment(**before)
    stopped(5)
    environment()
    _, out = go_on("--max-iterations", "7")
    assert "resumed at iteration 5\n" in out
    said = (
        [] if words is None else ["note: an earlier session had {}, this one has {}".format(*words)]
    )
    assert [note.partition(END)[0] for note in notes(out)] == said


def test_every_earlier_session_counts(stopped, go_on, environment):
    environment()
    stopped(5)
    assert notes(go_on("--max-iterations", "6")[1]) == []
    environment(python="3.12.1")
    for iterations in ("7", "8"):
        assert len(notes(go_on("--max-iterations", iterations)[1])) == 1
