"""Figures from result files alone."""

import shutil
import warnings

import matplotlib
import matplotlib.pyplot as plt
import pytest

from experiments.config.load import config_names, load_config
from experiments.figures.comparison import draw_comparison
from experiments.figures.draw import _save
from experiments.figures.dynamics import draw_dynamics
from experiments.figures.learning_curves import draw_learning_curves
from experiments.figures.style import STYLE, fit_scale
from experiments.results.schema import IterationCurves
from experiments.results.store import find_results
from tests.experiments.checks import start_command


@pytest.fixture
def draw(call, out, monkeypatch):
    """Draw all figures, or those of a config: what was said, and the files by name."""
    monkeypatch.setitem(STYLE, "figure.dpi", 40)  # quickly

    def go(*config):
        with warnings.catch_warnings():
            warnings.simplefilter("error", UserWarning)
            code, text, err = call("figures", *config, "--out", out)
        assert (code, err) == (0, "")
        return text, {path.name: path.read_bytes() for path in (out / "figures").glob("*")}

    return go


def test_without_results_it_says_so_and_draws_nothing(draw, out):
    text, files = draw()
    assert files == {}
    assert text.splitlines() == [f"{name}: no result yet" for name in config_names()]
    assert not any(out.iterdir())


FAILED = {"validation": (2000.0, 13.5), "unigram": 10.0}


@pytest.mark.parametrize(("config", "cells", "changes", "names"), [
    # Nothing is published of the demo.
    ("demo", "sgd/clipping_20 sgd/projection_0.2", {}, "learning_curves dynamics_sgd"),
    # No dynamics without both methods.
    ("demo", "sgd/clipping_20 sgd/clipping_5", {}, "learning_curves"),
    ("demo", "sgd/clipping_20", {"status": "interrupted", "validation": (5.0,)}, ""),  # a point
    ("table3_music", "sgd/clipping_15", FAILED, "learning_curves published"),
    ("table1_language", "sgd_1.1/clipping_5", FAILED, "published"),
    ("table4_elementwise", "sgd_1.1/elementwise_0.003", {}, "learning_curves published"),
    (  # dynamics are of one optimizer
        "open_music",
        "stream/adam_1e-3_clipping_15 stream/sgd_projection_0.2",
        {},
        "learning_curves",
    ),
    (
        "open_music",
        "stream/adam_1e-3_clipping_15 stream/sgd_clipping_15 stream/sgd_projection_0.2",
        {},
        "learning_curves dynamics_stream_sgd_0.1",
    ),
])  # fmt: skip
def test_which_figures_are_drawn(draw, store, config, cells, changes, names):
    for name in cells.split():
        for seed in range(2):
            store((config, name), seed, **{"unigram": 9.0, **changes})
    text, files = draw(config)
    assert set(files) == {f"{config}_{name}.png" for name in names.split()}
    assert all(data.startswith(b"\x89PNG\r\n\x1a\n") for data in files.values())
    said = [line.partition(":")[0] for line in text.splitlines()]
    assert said == (["drawn"] * len(files) or [config])


@pytest.mark.parametrize(("number", "columns"), [(2, 2), (3, 3), (4, 2)])
def test_dynamics_show_two_or_three_cells_side_by_side(out, store, number, columns):
    config = load_config("table2_language_lr0.1")
    names = [name for name in config.cells if not name.endswith("0.2")][-number:]
    names[0] = "sgd_0.1/projection_0.2"
    for name in names:
        store((config.name, name))
    results = {name: find_results(out, config.cells[name]) for name in names}
    (figure,) = draw_dynamics(config, results).values()
    assert len(figure.axes) == 2 * columns
    titles = [axes.get_title() for axes in figure.axes[:columns]]
    assert titles[0].startswith("clipping") and "delta" in titles[-1]
    plt.close(figure)


def test_no_setting_of_the_user_changes_a_figure(call, store, out, tmp_path, monkeypatch):
    for name in ("sgd/clipping_15", "sgd/projection_0.2"):
        store(("table3_music", name), validation=(4.0, 3.5), unigram=9.0)
    assert call("figures", "table3_music", "--out", out)[0] == 0
    files = {path: path.read_bytes() for path in (out / "figures").iterdir()}
    shutil.rmtree(out / "figures")
    (tmp_path / "matplotlibrc").write_text("figure.dpi: 30\nfont.size: 20\naxes.grid: False\n")
    settings = {
        "MPLBACKEND": "module://matplotlib_inline.backend_inline",  # what Jupyter sets
        "MATPLOTLIBRC": str(tmp_path),
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "TZ": "Asia/Tokyo",
        "MPLCONFIGDIR": matplotlib.get_cachedir(),  # or it would speak of another one
    }
    for key, value in settings.items():
        monkeypatch.setenv(key, value)
    process = start_command("figures", "table3_music", "--out", out)
    _, err = process.communicate()
    assert (process.returncode, err) == (0, "")
    assert {path: path.read_bytes() for path in (out / "figures").iterdir()} == files


def test_the_last_bit_of_a_layout_moves_no_edge(out):
    edges = []
    for nudge in (-1e-15, 0, 1e-15):
        figure = plt.figure(figsize=(2, 1), dpi=50)
        axes = figure.add_axes((0.105 + nudge, 0.31 + nudge, 0.5, 0.5))  # 10.5 and 15.5 pixels
        _save(figure, out, "figure")
        edges.append(axes.bbox.extents.round(6).tolist())
    assert edges == [[10, 15, 60, 40]] * 3


POINT = {"status": "interrupted", "validation": (5.0,)}


@pytest.mark.parametrize("changes", [
    {"status": "diverged", "validation": (5.0, None)},
    {"status": "diverged", "validation": ()},
    {"status": "diverged", "validation": (None,)},
    {"status": "interrupted", "validation": (5.0, 4.0)},
    {"status": "diverged", "validation": (None, None)},
    {"status": "interrupted", "validation": ()},
    {"validation": (1e5, 1e4)},
    {"validation": (20.0,)},
    {**POINT, "windows": {key: [] for key in IterationCurves.model_fields}},
    {**POINT, "windows": {"gradient_norm": [None], "gradient_norm_max": [None]}},
    {**POINT, "windows": {"spectral_radius": [[None]]}},
], ids=str)  # fmt: skip
def test_every_kind_of_result_is_drawn(draw, store, changes):
    for name in ("sgd/clipping_20", "sgd/projection_0.2"):
        store(("demo", name), **changes)
    drawn = len(changes["validation"]) > 1 and changes["validation"][0] == 5.0
    curves = {"demo_learning_curves.png"} if drawn else set()  # a panel needs a line within it
    assert set(draw()[1]) == {"demo_dynamics_sgd.png"} | curves


def test_only_results_with_overrides_are_not_called_none(draw, store):
    store(("demo", "sgd/clipping_20", "epochs=2"))
    text, files = draw()
    assert files == {}
    assert "demo: no result yet" not in text


def test_what_is_far_worse_than_a_unigram_predictor_is_a_triangle_at_the_edge(store, out):
    config = load_config("table3_music")
    store(config.cell("sgd/clipping_15"), validation=(12.0, 40.0, None, 3.5), unigram=10.0)
    results = {"sgd/clipping_15": find_results(out, config.cell("sgd/clipping_15"))}
    figure = draw_learning_curves(config, results)
    (axis,) = figure.axes
    assert axis.get_ylim()[1] == pytest.approx(20)
    (triangles,) = (line for line in axis.lines if line.get_marker() == "^")
    assert triangles.get_xydata().tolist() == [[2, 20], [3, 20]]
    plt.close(figure)


def test_a_scale_is_logarithmic_where_what_is_shown_asks_for_it():
    figure, (left, right, narrow, shaded) = plt.subplots(1, 4)
    right.sharey(left)
    left.plot([1, 2], [1, 1e14])
    right.plot([1, 2], [1, 2])
    narrow.plot([1, 2], [0.7, 1.4])
    shaded.fill_between([1, 2], [2, 4], [500, 600])
    for axes in ((left, right), (narrow,), (shaded,)):
        fit_scale(*axes)
    figure.canvas.draw()
    low, high = left.get_ylim()
    assert sum(low <= tick <= high for tick in left.get_yticks()) >= 2
    scales = [axis.get_yscale() for axis in (left, right, narrow, shaded)]
    assert scales == ["log", "log", "linear", "log"]
    plt.close(figure)


def test_partial_runs_have_the_published_value_beside_them_and_no_panel_is_empty(store, out):
    config = load_config("table1_language")
    cells = {
        "sgd_1.1/projection_0.2": {"validation": (6.0, 5.5), "status": "interrupted"},
        "sgd_1.1/clipping_5": {"validation": (6.0, 5.5)},
        "adam_1e-2/clipping_5": {"validation": (20.0, 20.0), "status": "interrupted"},
    }
    results = {}
    for name, changes in cells.items():
        store(config.cell(name), unigram=6.5, **changes)
        results[name] = find_results(out, config.cell(name))
    figure = draw_learning_curves(config, results)
    (axis,) = figure.axes
    (dashed,) = (line for line in axis.lines if line.get_linestyle() == "--")
    assert set(dashed.get_ydata()) == {103.5}
    assert axis.get_ylim()[0] < 103.5
    assert "no panel (no line on the scale): adam 1e-2" in figure.get_suptitle()
    plt.close(figure)


def test_no_point_of_the_comparison_hides_another(store, out):
    config = load_config("table3_music")
    for seed in range(3):
        store(config.cell("sgd/clipping_15"), seed, validation=(4.0, 3.55), unigram=9.0)
    figure = draw_comparison(
        config, {"sgd/clipping_15": find_results(out, config.cell("sgd/clipping_15"))}
    )
    (axis,) = figure.axes
    points = [
        tuple(x) for line in axis.lines if len(line.get_xdata()) == 1 for x in line.get_xydata()
    ]
    assert sorted(x for x, _ in points) == [3.55] * 4
    assert len({y for _, y in points}) == 4
    assert axis.get_xscale() == "log"
    plt.close(figure)
