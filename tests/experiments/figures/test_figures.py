"""Figures from result files alone."""

import json
import os
import shutil
import signal
import warnings

import matplotlib.pyplot as plt
import pytest

from experiments.config.load import config_names, load_config
from experiments.figures.comparison import draw_comparison
from experiments.figures.draw import _save
from experiments.figures.learning_curves import draw_learning_curves
from experiments.figures.style import STYLE, fit_scale
from experiments.results.store import find_results
from tests.experiments.checks import alive, children, start_command, wait_until

PNG = b"\x89PNG\r\n\x1a\n"


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


def _cell(config, name):
    return load_config(config).cell(name)


def test_without_results_it_says_so_and_draws_nothing(draw, out):
    text, files = draw()
    assert files == {}
    assert text.splitlines() == [f"{name}: no result yet" for name in config_names()]
    assert not out.exists()


def test_a_table_gets_learning_curves_dynamics_and_a_comparison(draw, store, monkeypatch):
    monkeypatch.setitem(STYLE, "figure.dpi", 150)
    for name in ("sgd_1.1/projection_0.2", "sgd_1.1/clipping_5", "adam_1e-3/clipping_5"):
        store(_cell("table1_language", name), unigram=6.5)
    text, files = draw()
    assert set(files) == {
        "table1_language_learning_curves.png",
        "table1_language_dynamics_sgd_1.1.png",
        "table1_language_published.png",
    }
    assert all(data.startswith(PNG) and len(data) > 5000 for data in files.values())
    assert sum(line.startswith("drawn: ") for line in text.splitlines()) == 3
    assert "table1_language: no result yet" not in text
    assert "demo: no result yet" in text


FAILED = {"validation": (2000.0, 13.5), "unigram": 10.0}


@pytest.mark.parametrize(
    ("config", "cells", "changes", "names"),
    [
        # Nothing is published of the demo.
        ("demo", "sgd/clipping_20 sgd/projection_0.2", {}, "learning_curves dynamics_sgd"),
        ("demo", "sgd/clipping_20", {}, "learning_curves"),  # no dynamics without both methods
        ("table3_music", "sgd/clipping_15", FAILED, "learning_curves published"),
        ("table1_language", "sgd_1.1/clipping_5", FAILED, "published"),
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
    ],
)
def test_which_figures_are_drawn(draw, store, config, cells, changes, names):
    for name in cells.split():
        for seed in range(2):
            store(_cell(config, name), seed, **{"unigram": 9.0, **changes})
    assert set(draw(config)[1]) == {f"{config}_{name}.png" for name in names.split()}


def test_equal_results_give_equal_files(draw, store):
    for name in ("sgd/clipping_15", "sgd/projection_0.2"):
        store(_cell("table3_music", name), validation=(4.0, 3.5), unigram=9.0)
    first, second = draw()[1], draw()[1]
    assert len(first) == 3
    assert first == second


def test_no_setting_of_the_user_changes_a_figure(call, store, out, tmp_path, monkeypatch):
    for name in ("sgd/clipping_15", "sgd/projection_0.2"):
        store(_cell("table3_music", name), validation=(4.0, 3.5), unigram=9.0)
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


def test_other_results_give_other_files(draw, store):
    cell = _cell("table3_music", "sgd/clipping_15")
    store(cell, validation=(4.0, 3.5), unigram=9.0)
    first = draw()[1]
    store(cell, validation=(4.0, 3.4), unigram=9.0)
    second = draw()[1]
    assert all(first[name] != second[name] for name in first)


@pytest.mark.parametrize(
    "changes",
    [
        {"status": "diverged", "validation": (5.0, None)},
        {"status": "diverged", "validation": ()},
        {"status": "diverged", "validation": (None,)},
        {"status": "interrupted", "validation": (5.0,)},
        {"status": "interrupted", "validation": (5.0, 4.0)},
        {"status": "diverged", "validation": (None, None)},
        {"status": "interrupted", "validation": ()},
        {"validation": (1e5, 1e4)},
        {"validation": (20.0,)},
    ],
    ids=str,
)
def test_every_kind_of_result_is_drawn(draw, store, changes):
    for name in ("sgd/clipping_20", "sgd/projection_0.2"):
        store(_cell("demo", name), **changes)
    drawn = len(changes["validation"]) > 1 and changes["validation"][0] == 5.0
    curves = {"demo_learning_curves.png"} if drawn else set()  # a panel needs a line within it
    assert set(draw()[1]) == {"demo_dynamics_sgd.png"} | curves


def test_a_damaged_result_is_named_where_several_configs_are_drawn_at_a_time(call, store, out):
    store(_cell("table1_language", "sgd_1.1/clipping_5"), unigram=6.5)
    path = store(_cell("table3_music", "sgd/clipping_15"))
    path.write_text("{")
    code, _, err = call("figures", "--out", out)
    assert code == 2
    assert err.startswith(f"error: {path}: not valid JSON")
    assert err.count("\n") == 1


def test_processes_that_draw_end_with_a_killed_parent(store, out):
    store(_cell("table1_language", "sgd_1.1/clipping_5"), unigram=6.5)
    store(_cell("table3_music", "sgd/clipping_15"))
    process = start_command("figures", "--out", out)
    drawing = wait_until(lambda: len(found := children(process)) > 2 and found)
    process.kill()
    process.wait()
    try:
        wait_until(lambda: not any(map(alive, drawing)))
    finally:
        for pid in filter(alive, drawing):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("window", ["none", "not finite"])
def test_a_run_that_recorded_no_finite_window_is_drawn(draw, store, window):
    for name in ("sgd/clipping_20", "sgd/projection_0.2"):
        path = store(_cell("demo", name), validation=(5.0,), status="interrupted")
        result = json.loads(path.read_text())
        if window == "none":
            result["curves"]["iterations"] = {key: [] for key in result["curves"]["iterations"]}
        else:
            curves = result["curves"]["iterations"]
            for key in ("loss", "gradient_norm", "gradient_norm_max"):
                curves[key] = [None]
            curves["sigma_1"] = curves["spectral_radius"] = [[None]]
        path.write_text(json.dumps(result))
    assert "demo_dynamics_sgd.png" in draw()[1]


# Tables 1 and 3 have a figure for each optimizer, which takes seconds.
@pytest.mark.parametrize(
    "config", ["demo", "main_music", "table2_language_lr0.1", "table4_elementwise"]
)
def test_a_full_set_of_results_is_drawn(draw, store, config):
    for cell in load_config(config).cells.values():
        store(cell, unigram=6.0)
    _, files = draw()
    assert f"{config}_learning_curves.png" in files
    published = any(cell.published for cell in load_config(config).cells.values())
    assert (f"{config}_published.png" in files) == published


def test_only_results_with_overrides_are_not_called_none(draw, store):
    store(_cell("demo", "sgd/clipping_20").override(["epochs=2"]))
    text, files = draw()
    assert files == {}
    assert "demo: no result yet" not in text


def test_a_real_run_is_drawn(draw, call, out, small_data):
    for cell in ("sgd/clipping_20", "sgd/projection_0.2"):
        words = ("run", "demo", "--cell", cell, "--out", out, "--max-iterations", "2")
        assert call(*words)[0] == 0
    assert set(draw()[1]) == {"demo_dynamics_sgd.png"}


def test_one_epoch_is_no_curve_and_it_is_said(draw, store):
    store(_cell("demo", "sgd/clipping_20"), status="interrupted", validation=(5.0,))
    text, files = draw()
    assert files == {}
    assert "demo: nothing to draw before a second epoch" in text.splitlines()


def test_a_file_in_the_place_of_the_folder_is_one_sentence(refused, store, out):
    store(_cell("demo", "sgd/clipping_20"))
    (out / "figures").write_text("")
    assert "cannot be written" in refused("figures", "--out", out, code=3)


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


def test_axes_that_share_a_scale_get_one_that_fits_both():
    figure, (left, right) = plt.subplots(1, 2, sharey=True)
    left.plot([1, 2], [1, 1e14])
    right.plot([1, 2], [1, 2])
    fit_scale(left, right)
    figure.canvas.draw()
    low, high = left.get_ylim()
    assert left.get_yscale() == right.get_yscale() == "log"
    assert sum(low <= tick <= high for tick in left.get_yticks()) >= 2
    plt.close(figure)


def test_a_narrow_range_keeps_a_linear_scale_and_what_is_shaded_counts():
    figure, (left, right) = plt.subplots(1, 2)
    left.plot([1, 2], [0.7, 1.4])
    right.plot([1, 2], [2, 4])
    right.fill_between([1, 2], [2, 4], [500, 600])
    fit_scale(left)
    fit_scale(right)
    assert (left.get_yscale(), right.get_yscale()) == ("linear", "log")
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
    assert "no line to draw yet: adam 1e-2" in figure.get_suptitle()
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
