"""The command explosion, on snapshots of a tiny model."""

import json
import zlib
from unittest.mock import Mock

import chainer
import numpy as np
import pytest

from experiments.explosion.measure import CUTS, CutGRU, gradient_norm
from experiments.explosion.snapshot import read_snapshot
from experiments.explosion.trajectory import WorstUpdates
from experiments.figures.style import STYLE
from experiments.system.paths import ROOT
from grustab.links import GRU
from grustab.stability import jacobian_at

STEPS, UNITS, NOTES = 4, 5, 3


@pytest.fixture
def snapshot(tiny_music, small_data, tmp_path):
    """Write a snapshot, with some of its arrays replaced, and give its path."""
    config = tiny_music(batching="stream", layers=2, dropout=0.5, dropout_after=["input", "gru"])

    def write(name="made.npz", **changes):
        rng = np.random.default_rng(0)
        meta = {
            "cell": f"{config} sgd/none",
            "settings": f"units={UNITS} bptt_steps={STEPS}",
            "seed": 0,
            "update": 7,
            "gradient_norm": 1.0,
            "loss": 2.0,
            "commit": "0" * 7,
            "dropout_generator": np.random.default_rng(99).bit_generator.state,
        }
        shapes = {"input/W": (UNITS, NOTES), "output/W": (NOTES, UNITS), "output/b": (NOTES,)}
        for i in range(2):
            shapes |= {f"gru/{i}/W_x": (3 * UNITS, UNITS), f"gru/{i}/W_h": (3 * UNITS, UNITS)}
        arrays = {f"params/{key}": rng.normal(size=shape) for key, shape in shapes.items()}
        arrays |= {f"h/{i}": rng.normal(size=(2, UNITS)) for i in range(2)}
        arrays |= {f"batch/{key}": rng.integers(2, size=(STEPS, 2, NOTES)) for key in ("xs", "ts")}
        arrays = {key: value.astype(np.float32) for key, value in arrays.items()}
        arrays |= {"meta": json.dumps(meta)} | changes
        np.savez(tmp_path / name, **{k: v for k, v in arrays.items() if v is not None})
        return tmp_path / name

    return write


def test_without_a_cut_it_is_the_gradient_of_training(snapshot):
    made = read_snapshot(snapshot())
    plain, cut = made.model(), made.model()
    for i, gru in enumerate(cut.gru):
        cut.gru[i] = CutGRU(gru)
    losses, gradients = [], []
    for model in (plain, cut):
        loss = model(*made.batch) / 2
        model.cleargrads()
        loss.backward()
        losses.append(float(loss.array))
        gradients.append({name: p.grad for name, p in model.namedparams()})
    assert losses[1] == pytest.approx(losses[0], rel=1e-12)
    assert set(gradients[1]) == set(gradients[0])
    for name, grad in gradients[0].items():
        np.testing.assert_allclose(gradients[1][name], grad, rtol=0, atol=1e-12)
    square = sum((grad**2).sum() for grad in gradients[0].values())
    assert gradient_norm(made)[0] == pytest.approx(square**0.5)
    for setting, times in (("loss=mean_over_steps", 1 / STEPS), ("loss_over_batch=sum", 2)):
        other = made._replace(cell=made.cell.override([setting]))
        assert gradient_norm(other)[0] == pytest.approx(times * square**0.5)


def test_the_committed_update_has_the_gradient_that_its_run_had():
    committed = read_snapshot(ROOT / "results/explosion/stream_update_10899.npz")
    recorded = committed.recorded["gradient_norm"]
    assert gradient_norm(committed)[0] == pytest.approx(recorded, rel=1e-5)


def test_the_worst_update_of_each_hundred_is_described_as_it_was():
    gru = GRU(NOTES, UNITS, rng=0)
    worst = WorstUpdates(gru)
    worst.monitor.seen[""] = np.zeros((2, 1, NOTES), "f"), None
    reporter = chainer.Reporter()
    for t in range(250):
        gru.W_hh = np.float32(t / 100) * np.eye(UNITS)
        with reporter.scope({"gradient/norm": 9.0 if t in (30, 120) else 1.0}):
            worst(Mock(t=t))
    worst.close()
    assert [p["update"] for p in worst.points] == [31, 121, 250]
    assert [p["mean_gradient_norm"] for p in worst.points] == [1.08, 1.08, 1.0]
    found = [p["layers"][0]["sigma_1"]["W_hh"] for p in worst.points]
    assert found == pytest.approx([0.3, 1.2, 2.49])


@pytest.mark.parametrize("cut", CUTS.values(), ids=CUTS)
def test_a_gradient_goes_back_by_what_is_left_of_the_jacobian(cut):
    rng = np.random.default_rng(0)
    layer = CutGRU(GRU(NOTES, UNITS, 1.0, rng, np.float64), cut)
    x, h, back = (rng.normal(size=(2, n)) for n in (NOTES, UNITS, UNITS))
    layer.h = chainer.Variable(h)
    states = layer(x[None])
    states.grad = back[None]
    states.backward()
    jacobian = jacobian_at(x, h, layer.W_x.array, layer.W_h.array, cut)
    expected = np.einsum("bij,bi->bj", jacobian, back)
    np.testing.assert_allclose(layer.h.grad, expected, rtol=0, atol=1e-14)


def test_the_command_writes_what_it_measures_and_draws_it(
    call, refused, snapshot, out, monkeypatch
):
    monkeypatch.setitem(STYLE, "figure.dpi", 40)  # quickly
    code, said, err = call("explosion", snapshot(), "--out", out, "--train", 3)
    assert code == 0, err
    assert "update 7: gradient norm" in said
    (measured,) = json.loads((out / "explosion" / "explosion.json").read_text())["snapshots"]
    layer = measured["layers"][1]
    norms = [s["gradient_norm"] for s in measured["scaled"]]
    assert len({measured["gradient_norm"], *norms}) == 7
    smaller = read_snapshot(snapshot())
    smaller.arrays["params/gru/1/W_h"][-UNITS:] *= 0.9
    assert norms[-1] == pytest.approx(gradient_norm(smaller)[0], rel=1e-6)
    cut = [each["cuts"]["all"]["gradient_norm"] for each in measured["layers"]]
    assert len({*cut, measured["cuts_in_all_layers"]["all"]}) == 3
    whole = layer["cuts"]["none"]
    assert whole["gradient_norm"] == measured["gradient_norm"]
    assert measured["cuts_in_all_layers"]["none"] == measured["gradient_norm"]
    assert whole["growth"][-1] == pytest.approx(max(whole["products"]), rel=1e-5)
    assert measured["gradient_norm"] not in measured["other_masks"]
    norm = np.exp(STEPS * layer["largest_exponent"])
    assert max(whole["products"]) == pytest.approx(norm, rel=1e-5)
    assert layer["cuts"]["all"]["products"] != whole["products"]
    trained = json.loads((out / "explosion" / "training.json").read_text())
    assert trained["updates"] == 3
    (point,) = trained["worst_updates"]
    assert point["gradient_norm"] >= point["mean_gradient_norm"] > 0
    assert 1 <= point["update"] <= 3
    assert [len(layer["sigma_1"]) for layer in point["layers"]] == [6, 6]
    again = "explosion", snapshot(), "--out", out
    assert "already, expected another --out" in refused(*again)
    picture = out / "figures" / "explosion.png"
    drawn = picture.read_bytes()
    (out / "explosion" / "explosion.json").unlink()
    assert "training.json: there is" in refused(*again, "--train", 3)
    assert call(*again, "--force")[0] == 0
    assert picture.read_bytes() == drawn
    file = out / "explosion" / "training.json"
    file.write_text(json.dumps({**trained, "seed": 1}))  # no training of this run
    assert call("figures", "--out", out)[0] == 0
    assert picture.read_bytes() != drawn
    file = out / "explosion" / "explosion.json"
    whole = json.loads(file.read_text())
    del whole["snapshots"][0]["layers"][0]["cuts"]["z"]
    for damaged in (whole, {"schema": 1}):
        file.write_text(json.dumps(damaged))
        assert "explosion.json: not a result" in refused("figures", "--out", out)


def test_a_gradient_that_is_not_finite_is_measured_and_drawn(call, out, snapshot):
    path = snapshot(**{"params/output/W": np.full((NOTES, UNITS), 1e200)})
    code, text, _ = call("explosion", path, "--out", out)
    assert (code, "gradient norm not finite" in text) == (0, True)


@pytest.mark.parametrize(("changes", "reason"), [
    ({"meta": None}, "of an update ("),
    ({"h/1": None}, "of an update ('h/1'"),
    ({"params/gru/0/W_h": None}, "W_h"),
    ({"params/output/b": np.zeros(7)}, "of an update ("),
    ({"params/gru/0/W_h": np.full((3 * UNITS, UNITS), 1e200)}, "beyond float32"),
    ({"batch/ts": np.zeros((1, 2, 3))}, "of an update ("),
    ({"h/0": np.zeros((9, UNITS))}, "of an update ("),
    ({"h/0": np.full((2, UNITS), np.nan)}, "NaN or Inf"),
], ids=lambda value: next(iter(value)) if isinstance(value, dict) else "")  # fmt: skip
def test_a_file_that_is_no_snapshot_is_one_sentence(refused, snapshot, changes, reason):
    path = snapshot(**changes)
    sentence = refused("explosion", path)
    assert path.name in sentence
    assert reason in sentence


def test_a_missing_or_torn_file_is_one_sentence_too(refused, snapshot, tmp_path, monkeypatch):
    assert "cannot be read: No such file" in refused("explosion", tmp_path / "none.npz")
    path = snapshot()
    path.write_bytes(path.read_bytes()[:1000])
    assert "torn.npz" in refused("explosion", path.rename(tmp_path / "torn.npz"))
    monkeypatch.setattr(np, "load", Mock(side_effect=zlib.error("invalid")))  # one bit is wrong
    assert "an update (invalid)" in refused("explosion", tmp_path / "torn.npz")
    monkeypatch.setattr("experiments.explosion.study.RESULTS", tmp_path)
    assert "no snapshot there" in refused("explosion")
