"""``time``: the cells take turns, and what the table and figure make of it."""

import json
import math

import chainer
import numpy as np
import pytest

from experiments.config.load import load_config
from experiments.system.paths import ROOT
from experiments.timing.measure import _Variant
from experiments.timing.store import CellTimes, median_parts, ratios
from tests.experiments.checks import rows_of

PARTS = ("forward", "backward", "update", "projection")


@pytest.fixture
def measure(call, out, small_data):
    def run(config, *words):
        code, said, err = call("time", config, "--rounds", 3, "--later", 6, "--out", out, *words)
        assert (code, err) == (0, "")
        return said

    return run


@pytest.fixture
def table(call, out):
    """The rows of a config's table, as cells by column, and its text."""

    def run(*words):
        code, text, _ = call("table", *words, "--out", out)
        assert code == 0
        return rows_of(text), text

    return run


def test_all_take_their_turns_from_the_same_place(timed):
    config, device = load_config(timed()), chainer.get_device("@numpy")
    one, other = (_Variant(config.cell("sgd/none"), device) for _ in range(2))
    for _ in range(3):
        one.step()
    other.copy_from(one)
    places = [v.run.updater.get_iterator("main").epoch_detail for v in (one, other)]
    assert places[0] == places[1] > 0
    for p, q in zip(one.run.model.params(), other.run.model.params(), strict=True):
        np.testing.assert_array_equal(p.array, q.array)
    np.testing.assert_array_equal(one.run.model.gru[0].h, other.run.model.gru[0].h)


def test_every_cell_takes_its_turn_at_every_point(timed, measure, table, call, refused, out):
    config = timed(epochs=75)
    assert "\n  not measured: " in call("list", config, "--out", out)[1]
    said = measure(config)
    (path,) = out.rglob("timing.json")
    result = json.loads(path.read_text())
    assert [p["name"] for p in result["points"]] == ["start", "first at the cap", "later"]
    assert [p["iteration"] for p in result["points"]][::2] == [0, 6]
    for point in result["points"]:
        assert set(point["cells"]) == {"sgd/clipping_5", "sgd/projection_0.2", "sgd/none"}
        for name, times in point["cells"].items():
            assert all(len(times[part]) == 3 for part in (*PARTS, "capped"))
            assert min(times["forward"] + times["backward"] + times["update"]) > 0
            assert (max(times["projection"]) > 0) == ("projection" in name)
    assert result["iterations_an_epoch"] == 14
    assert {"git", "blas", "processor"} <= set(result["environment"])
    rows, text = table(config)
    assert said.endswith(text)
    assert "took turns, 3 iterations each" in text
    assert len(rows) == 9
    for row in rows:
        assert {*PARTS, "projection's share", "hours for 75 epochs"} <= row.keys()
        assert (row["ratio to clipping"] == "") == ("clipping_5" in row["cell"])
    assert call("figures", config, "--out", out)[::2] == (0, "")
    assert (out / "figures/tiny_iteration.png").stat().st_size > 1000
    assert "measured: " in call("list", config, "--out", out)[1]
    before = path.read_bytes()
    assert "measured already" in measure(config)
    assert path.read_bytes() == before
    measure(config, "--force")
    assert path.read_bytes() != before
    # Other conditions than measured are not shown as measured, and are measured anew.
    other = timed(learning_rate=0.25)
    assert table(other)[1].count("not measured") == 9
    assert "\n  not measured: " in call("list", other, "--out", out)[1]
    assert "not measured" not in measure(other)
    result["environment"]["device"] = "Some GPU"
    path.write_text(json.dumps(result))
    assert "timing.json was measured on Some GPU: give another --out" in refused(
        "time", config, "--out", out
    )


def test_settings_of_the_command_line_have_a_file_and_table_of_their_own(timed, measure, table):
    config, settings = timed(), ("--set", "units=6")
    measure(config, *settings)
    assert table(config)[1].count("not measured") == 3
    rows, text = table(config, *settings)
    assert "Not the config's conditions: units=6" in text
    # They are compared with clipping under the same.
    ratios_shown = [row["ratio to clipping"] for row in rows if "clipping" not in row["cell"]]
    assert len([float(shown.split()[0]) for shown in ratios_shown]) == 6


def test_a_point_that_is_not_reached_is_left_out(timed, measure, out):
    text = measure(timed(delta=0.2))
    assert "no singular value has reached the cap by iteration 6" in text
    (path,) = out.rglob("*.json")
    points = json.loads(path.read_text())["points"]
    assert [point["name"] for point in points] == ["start", "later"]


def cells(measured):
    return measured["points"][0]["cells"]


def times(measured):
    return cells(measured)["sgd_1.1/none"]


@pytest.mark.parametrize("spoil", [
    lambda measured: measured.clear(),
    lambda measured: measured.update(schema=2),
    lambda measured: measured.update(points=3),
    lambda measured: measured["points"].clear(),
    lambda measured: cells(measured).clear(),
    lambda measured: cells(measured).popitem(),
    lambda measured: times(measured)["update"].clear(),
    lambda measured: [times(measured)[key].pop() for key in (*PARTS, "capped")],
    lambda measured: times(measured)["capped"].clear(),
    lambda measured: times(measured).update({key: [0.0] for key in (*PARTS, "capped")}),
    lambda measured: times(measured)["update"].__setitem__(0, math.nan),
    lambda measured: measured["environment"]["git"].update(commit=12),
    None,  # no JSON
])  # fmt: skip
def test_a_measurement_that_is_damaged_or_lacks_a_part_is_named(refused, out, spoil):
    measured = json.loads((ROOT / "results/timing/timing.json").read_text())
    if spoil:
        spoil(measured)
    (out / "timing").mkdir(parents=True)
    (out / "timing/timing.json").write_text(json.dumps(measured) if spoil else "{")
    for command in ("table", "figures"):
        assert "timing.json: not " in refused(command, "timing", "--out", out)


def test_a_config_without_auto_cannot_be_timed(timed, refused, small_data):
    assert "auto" in refused("time", timed(projection="naive"))


def test_ratios_are_within_a_round():
    def times(*seconds):
        rest = dict.fromkeys(("backward", "update", "projection", "capped"), [0.0] * len(seconds))
        return CellTimes(forward=list(seconds), **rest)

    # A round in which the machine was slow is slow for both.
    assert ratios(times(1.0, 10.0, 1.2), times(2.0, 20.0, 2.0)) == [0.5, 0.5, 0.6]
    assert median_parts(times(3.0, 1.0, 2.0))["forward"] == 2.0
