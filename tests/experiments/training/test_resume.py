"""A run that was stopped and resumed equals one that never stopped, to the bit."""

import json

import pytest

from tests.experiments.checks import timeless

pytestmark = pytest.mark.usefixtures("small_data")

#: Iterations to stop at, of 42: the first, the end of an epoch, and one after the other.
STOPS = ([1], [14], [13, 15, 17, 41])
#: Moves no weight: validation losses are equal to the bit, whatever rounds them.
STILL = "learning_rate=1e-30"
PROJECTION = "method=projection learning_rate=1e-3"
#: Settings by case.
CASES = {
    "sgd": "",
    "dropout": "dropout=0.5 dropout_after=[input,gru] layers=2",
    "adam": "optimizer=adam learning_rate=0.01",
    "rmsprop": "optimizer=rmsprop learning_rate=0.01 loss=mean_over_steps",
    "naive": f"{PROJECTION} delta=0.9 projection=naive",
    "truncated": f"{PROJECTION} delta=0.9 projection=truncated units=48",
    "auto": f"{PROJECTION} delta=0.9 projection=auto units=96",
    "auto, nothing to do": f"{PROJECTION} delta=0.2 projection=auto units=96",
    "exponential": "schedule=exponential decay_after=1 decay_divisor=1.5",
    "plateau": f"schedule=plateau decay_after=1 decay_divisor=2 {STILL}",
    "spike": f"spike_norm=1e-9 spike_divisor=2 {PROJECTION} delta=0.9 projected=all units=96 "
    "schedule=plateau decay_after=9 decay_divisor=2",
    "patience": f"stop_patience=2 epochs=9 {STILL}",
    "clipping": "method=clipping threshold=0.5",
    "elementwise": "method=elementwise_clipping threshold=0.003",
    "tunes": "task=music batching=tunes batch_size=2 eval_batch_size=2 learning_rate=0.01",
    "tunes_by_length": "task=music batching=tunes_by_length batch_size=2 eval_batch_size=2 "
    "learning_rate=0.01",
    "stream": "task=music batching=stream batch_size=2 eval_batch_size=2 learning_rate=0.01",
}


def ways(result):
    return result["projection_ways"]["/gru/0"]


#: That a case went the way that it is to try.
WENT = {
    "plateau": lambda r: r["curves"]["epochs"]["learning_rate"] == [1e-30, 1e-30, 5e-31],
    # Every iteration is a spike, and every epoch has one division.
    "spike": lambda r: r["curves"]["epochs"]["learning_rate"] == [5e-4, 2.5e-4, 1.25e-4],
    "patience": lambda r: (r["status"], r["epochs"]) == ("completed", 3.0),
    # The first step has none to follow.
    "auto": lambda r: (ways(r)["exact"], ways(r)["subspace"]) == (1, 41),
    "auto, nothing to do": lambda r: (ways(r)["exact"], ways(r)["skipped"]) == (1, 41),
}


@pytest.mark.parametrize("case", CASES)
def test_resuming_equals_never_having_stopped(tiny, run, tmp_path, few_large_values, case):
    words = ["--set", "epochs=3", "dropout_after=[input]", *CASES[case].split()]
    config = tiny()
    whole, _, _ = run(config, "sgd/none", *words)
    assert WENT.get(case, lambda r: r["epochs"] == 3.0)(whole)
    for stop in STOPS:
        stops = [iteration for iteration in stop if iteration < whole["iterations"]]
        out = ("--out", tmp_path / json.dumps(stop))
        for iteration in stops:
            run(config, "sgd/none", *words, *out, "--max-iterations", str(iteration))
        resumed, text, _ = run(config, "sgd/none", *words, *out)
        assert timeless(resumed) == timeless(whole)
        assert [session["iteration"] for session in resumed["resumed"]] == stops
        assert f"resumed at iteration {stops[-1]}" in text
    assert not list(tmp_path.rglob("snapshot-*"))
