"""A run with snapshots."""

import pytest


def snapshots(folder):
    """By iteration; of one iteration the older first."""
    paths = folder.glob("snapshot-*.npz")
    return sorted(paths, key=lambda path: (number(path), path.stat().st_mtime_ns))


def number(path):
    return int(path.name.split("-")[1])


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
    words = (tiny(), "sgd/none", "--out", tmp_path / "b")
    return lambda *options: run(*words, *options)[:2]


@pytest.fixture
def whole(tiny, run):
    """The result of the same without a stop."""
    return lambda: run(tiny(), "sgd/none")[0]
