"""A run that was stopped and resumed equals one that never stopped, to the bit."""

import pytest

from tests.experiments.checks import timeless

pytestmark = pytest.mark.usefixtures("small_data")


@pytest.fixture
def snapshots(tmp_path):
    """Names of all snapshots there are."""
    return lambda: sorted(path.name for path in tmp_path.rglob("snapshot-*"))


def settings(text):
    return ["--set", *text.split()]


CASES = {
    "sgd": "",
    "dropout": "dropout=0.5 dropout_after=[input,gru] layers=2",
    "adam": "optimizer=adam learning_rate=0.01",
    "rmsprop": "optimizer=rmsprop learning_rate=0.01 loss=mean_over_steps",
    "naive": "method=projection delta=0.9 projection=naive",
    "truncated": "method=projection delta=0.9 projection=truncated",
    "auto": "method=projection delta=0.9 projection=auto units=96 learning_rate=5",
    "exponential": "schedule=exponential decay_after=1 decay_divisor=1.5",
    "plateau": "schedule=plateau decay_after=1 decay_divisor=2 learning_rate=40",
    "patience": "stop_patience=1 learning_rate=40",
    "clipping": "method=clipping threshold=0.5",
    "elementwise": "method=elementwise_clipping threshold=0.003",
    "tunes": "task=music batching=tunes batch_size=2 eval_batch_size=2 learning_rate=0.01",
    "tunes_by_length": "task=music batching=tunes_by_length batch_size=2 eval_batch_size=2 "
    "learning_rate=0.01",
    "stream": "task=music batching=stream batch_size=2 eval_batch_size=2 learning_rate=0.01",
}


@pytest.mark.parametrize("stop", [[1], [14], [13, 15, 17, 41]], ids=str)
@pytest.mark.parametrize("case", CASES)
def test_resuming_equals_never_having_stopped(tiny, run, tmp_path, snapshots, case, stop):
    words = settings(f"{CASES[case]} epochs=3 dropout_after=[input]".strip())
    if case == "dropout":
        words = settings(f"{CASES[case]} epochs=3")
    config = tiny()
    whole, _, _ = run(config, "sgd/none", *words)
    for iteration in stop:
        run(config, "sgd/none", *words, "--out", tmp_path / "b", "--max-iterations", str(iteration))
    resumed, out, _ = run(config, "sgd/none", *words, "--out", tmp_path / "b")
    assert timeless(resumed) == timeless(whole)
    if whole["iterations"] > stop[-1]:
        assert [session["iteration"] for session in resumed["resumed"]] == stop
        assert f"resumed at iteration {stop[-1]}" in out
    assert snapshots() == []
