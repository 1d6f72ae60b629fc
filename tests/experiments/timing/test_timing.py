"""``time``: the cells take turns, and what the table and figure make of it."""

import json

import pytest

from experiments.config.load import load_config
from experiments.timing.store import CellTimes, Point, median_parts, ratios

PARTS = ("forward", "backward", "update", "projection")


@pytest.fixture
def measure(call, tmp_path, small_data):
    def run(config, *words):
        code, out, err = call(
            "time", config, "--rounds", "3", "--later", "6", "--out", tmp_path / "out", *words
        )
        assert (code, err) == (0, "")
        return out

    return run


def test_every_cell_takes_its_turn_at_every_point(timed, measure, tmp_path):
    measure(timed())
    (path,) = (tmp_path / "out").rglob("*.json")
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


def test_the_table_gives_parts_ratio_and_hours(timed, measure, call, tmp_path):
    config = timed(epochs=75)
    measured = measure(config)
    code, out, _ = call("table", config, "--out", tmp_path / "out")
    assert code == 0
    assert measured.endswith(out)
    lines = [line for line in out.splitlines() if line.startswith("|")]
    assert len(lines) == 2 + 9
    for word in (*PARTS, "ratio to clipping", "hours for 75 epochs", "projection's share"):
        assert word in lines[0]
    clipping = [line.split("|") for line in lines if "clipping_5" in line]
    assert all(line[9].strip() == "" for line in clipping)
    assert "took turns, 3 iterations each" in out


def test_a_measurement_is_kept_until_forced(timed, measure, tmp_path):
    config = timed()
    measure(config)
    (path,) = (tmp_path / "out").rglob("*.json")
    before = path.read_bytes()
    assert "measured already" in measure(config)
    assert path.read_bytes() == before
    measure(config, "--force")
    assert path.read_bytes() != before


def test_settings_of_the_command_line_have_a_file_and_table_of_their_own(
    timed, measure, call, tmp_path
):
    config = timed()
    measure(config, "--set", "units=6")
    _, out, _ = call("table", config, "--out", tmp_path / "out")
    assert out.count("not measured") == 3
    _, out, _ = call("table", config, "--set", "units=6", "--out", tmp_path / "out")
    assert "not measured" not in out
    assert "Not the config's conditions: units=6" in out


def test_figures_draw_the_measurement(timed, measure, call, tmp_path):
    config = timed()
    measure(config)
    code, _, err = call("figures", config, "--out", tmp_path / "out")
    assert (code, err) == (0, "")
    assert (tmp_path / "out/figures/tiny_iteration.png").stat().st_size > 1000


def test_other_conditions_than_measured_are_not_shown_as_measured(timed, measure, call, tmp_path):
    measure(timed())
    _, out, _ = call("table", timed(learning_rate=0.25), "--out", tmp_path / "out")
    assert out.count("not measured") == 9


@pytest.mark.parametrize("damage", ["{", "[]", '{"schema": 2}', '{"schema": 1, "points": 3}'])
def test_a_damaged_measurement_is_named(timed, measure, refused, tmp_path, damage):
    config = timed()
    measure(config)
    (path,) = (tmp_path / "out").rglob("*.json")
    path.write_text(damage)
    assert "timing.json: not " in refused("table", config, "--out", tmp_path / "out")
    assert "timing.json" in refused("figures", config, "--out", tmp_path / "out")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda points: points.clear(),
        lambda points: points[0]["cells"].clear(),
        lambda points: points[1]["cells"].popitem(),
        lambda points: points[0]["cells"].popitem()[1]["update"].clear(),
        lambda points: next(iter(points[0]["cells"].values()))["capped"].clear(),
        lambda points: next(iter(points[0]["cells"].values())).update(
            {part: [0.0] for part in ("forward", "backward", "update", "projection", "capped")}
        ),
    ],
)
def test_a_measurement_that_lacks_a_part_is_named(timed, measure, refused, tmp_path, spoil):
    config = timed()
    measure(config)
    (path,) = (tmp_path / "out").rglob("*.json")
    measured = json.loads(path.read_text())
    spoil(measured["points"])
    path.write_text(json.dumps(measured))
    for command in ("table", "figures"):
        sentence = refused(command, config, "--out", tmp_path / "out")
        assert "timing.json: not a result" in sentence


def test_a_config_without_auto_cannot_be_timed(timed, refused, small_data):
    assert "auto" in refused("time", timed(projection="naive"))


def test_a_point_that_is_not_reached_is_left_out(timed, measure, tmp_path):
    text = measure(timed(delta=0.2))
    assert "no singular value has reached the cap by iteration 6" in text
    (path,) = (tmp_path / "out").rglob("*.json")
    points = json.loads(path.read_text())["points"]
    assert [point["name"] for point in points] == ["start", "later"]


def test_other_settings_are_compared_with_clipping_under_the_same(timed, measure, call, tmp_path):
    config, settings = timed(), ("--set", "units=6")
    measure(config, *settings)
    _, out, _ = call("table", config, *settings, "--out", tmp_path / "out")
    rows = [[c.strip() for c in line.split("|")] for line in out.splitlines() if "sgd/" in line]
    column = next(line for line in out.splitlines() if line.startswith("| point")).split("|")
    place = [c.strip() for c in column].index("ratio to clipping")
    assert len(rows) == 9
    assert all(float(row[place].split()[0]) > 0 for row in rows if "clipping" not in row[2])


def test_ratios_are_within_a_round():
    def times(*seconds):
        zeros = [0.0] * len(seconds)
        return CellTimes(
            forward=list(seconds), backward=zeros, update=zeros, projection=zeros, capped=zeros
        )

    # A round in which the machine was slow is slow for both.
    assert ratios(times(1.0, 10.0, 1.2), times(2.0, 20.0, 2.0)) == [0.5, 0.5, 0.6]
    assert median_parts(times(3.0, 1.0, 2.0))["forward"] == 2.0
    assert Point(name="x", iteration=0, cells={"a": times(1.0)}).cells["a"].totals() == [1.0]


def test_a_sweep_of_times_is_refused(refused):
    assert "config timing reports times, which the command time takes" in refused("sweep", "timing")


def test_the_list_says_whether_times_were_measured(timed, measure, call, tmp_path):
    config = timed()
    words = ("list", config, "--out", tmp_path / "out")
    _, text, _ = call(*words)
    assert "\n  not measured\n" in text
    assert all(f"\n  {cell}\n" in text for cell in load_config(config).cells)
    measure(config)
    assert "measured: " in call(*words)[1]
