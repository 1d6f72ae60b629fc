"""A run with snapshots."""

import pytest

from tests.experiments.training.snapshots.common import number, snapshots


@pytest.fixture
def stopped(tiny, run, tmp_path):
    """Stop a run at iterations, with a snapshot each; gives its folder."""

    def stop(*iterations, options=()):
        for iteration in iterations:
            out = ("--out", tmp_path / "b", "--max-iterations", iteration)
            run(tiny(), "sgd/none", *options, *out)
        (path,) = (tmp_path / "b").rglob("result.json")
        assert [number(snapshot) for snapshot in snapshots(path.parent)] == list(iterations)[-2:]
        return path.parent

    return stop


@pytest.fixture
def go_on(tiny, run, tmp_path):
    """Run the same to its end; gives result and stdout."""

    def go(*options):
        result, out, _ = run(tiny(), "sgd/none", "--out", tmp_path / "b", *options)
        return result, out

    return go


@pytest.fixture
def refusal(tiny, refused, tmp_path):
    """The sentence that the same is refused with."""
    words = ("--cell", "sgd/none", "--out", tmp_path / "b")
    return lambda *options: refused("run", tiny(), *words, *options)


@pytest.fixture
def whole(tiny, run):
    """The result of the same without a stop."""
    return lambda *options: run(tiny(), "sgd/none", *options)[0]
