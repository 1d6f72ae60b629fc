"""The page with everything, the front page, what stands below a table, and the signs."""

import json
import re

import pytest

from experiments.config.load import config_names, load_config
from experiments.reports.identification import FAILS, HOLDS, OPEN, SIGNS, format_identification
from experiments.reports.markdown import markdown_table
from experiments.reports.page import make_report
from experiments.reports.readme import README, fill_in
from experiments.system.paths import ROOT
from experiments.timing.store import PARTS

NOTHING = "Nothing run yet, of 9 cells; the supplement prints no number to compare with."


def section(page, name):
    return page.partition(f'<a id="{name}"></a>')[2].partition("<a id=")[0]


def test_it_has_a_section_for_each_config_and_every_link_leads_somewhere(out):
    page = make_report(out)
    places = set(re.findall(r'<a id="(.*?)"', page))
    assert places == {*config_names(), "how_to_read"}
    assert set(re.findall(r"\]\(#(.*?)\)", page)) <= places


def test_it_says_what_was_run_what_not_and_how_to(out, store):
    store(("table3_music", "sgd/projection_0.2"))
    store(("table3_music", "sgd/clipping_15"), status="interrupted")
    page = make_report(out)
    (row,) = (line for line in page.splitlines() if line.startswith("| [table3_music](#table3"))
    assert [cell.strip() for cell in row.split("|")[2:6]] == [
        "1 of 14",
        "1",
        "12",
        "`scripts/reproduce.sh table3_music`",
    ]
    assert "- **not enough runs** (" in page


def test_it_begins_with_a_few_sentences_and_a_figure(out, store, call):
    for name, loss, norm in (("clipping_15", 3.55, 4e3), ("projection_0.2", 9.0, 2e3)):
        windows = {"gradient_norm_max": [norm, 3.0]}
        store(
            ("table3_music", f"sgd/{name}"), validation=(9.5, loss), unigram=10.0, windows=windows
        )
    store(("table3_music", "sgd/projection_0.2"), 1, windows=windows)  # without a twin
    call("figures", "table3_music", "--out", out)
    start = make_report(out).partition("\n## ")[0]
    assert ": 2 have a successful run here, 1 of these within 10 %." in start
    assert "In 1 pairs of its runs" in start and "1 times with clipping and 0 times" in start
    assert ". With a bound of 1500: 1 and 1 times. With a bound of 30000: 0 and 0 times." in start
    assert start.count("![") == 1


def test_figures_have_captions_and_the_epoch_of_partial_runs(out, store, call):
    cell = ("table1_language", "sgd_1.1/clipping_5")
    store(cell, validation=(6.0, 5.5), status="interrupted", unigram=6.5)
    call("figures", "table1_language", "--out", out)
    text = section(make_report(out), "table1_language")
    assert "epochs. Partial runs: sgd_1.1/clipping_5 seed 0 to epoch 2 of at most 60." in text
    assert all((out / image).exists() for image in re.findall(r'src="(.*?)"', text))


def test_a_table_without_any_number_is_one_sentence_until_a_run_is_there(out, store):
    page = make_report(out)
    assert NOTHING in section(page, "main_music")
    assert NOTHING not in section(page, "table2_language_lr0.1")
    store(next(iter(load_config("main_music").cells.values())))
    assert NOTHING not in section(make_report(out), "main_music")


OTHERS = [
    ("bench/table.md", "## A\n\n| b |\n| --- |\n", "\n\n## A\n\n| b |\n| --- |\n"),
    ("explosion/README.md", "# A\n\nb.\n\nc\n", "## A\n\nb. [All of it](explosion/README.md)."),
    ("gpu/README.md", "# A\n", "## A\n\n [All of it](gpu/README.md)."),
    ("demo/README.md", "# A\n", "[What these runs say](demo/README.md)"),
]


def test_other_texts_are_taken_in_where_they_are_there(out, call):
    for name, text, _ in OTHERS:
        (out / name).parent.mkdir(parents=True)
        (out / name).write_text(text)
    code, said, err = call("report", "--out", out)
    assert (code, err) == (0, "")
    assert "README.md" in said and "report.html" in said
    page = (out / "README.md").read_text(encoding="utf-8")
    assert page == make_report(out)
    for _, _, shown in OTHERS:
        assert shown in page
    assert "<h2>The paper's claims</h2>" in (out / "report.html").read_text(encoding="utf-8")


def test_a_page_of_own_configs_leaves_out_what_has_not_run(
    tiny, tiny_text, write_config, out, store
):
    own = [tiny(), write_config(tiny_text(), "other.yaml")]
    page = make_report(out, own)
    assert all(f'<a id="{name}"></a>' in page for name in ("tiny", "other"))
    assert "table3_music" not in page and "The paper's claims" not in page
    assert "Made on" not in page
    store(("table3_music", "sgd/clipping_15"))
    page = make_report(out, own)
    assert '<a id="table3_music"></a>' in page and "The paper's claims" in page
    assert "Made on (runs, or parts of one that was resumed): " in page
    assert "main_music" not in page.partition("claims")[0]


def test_a_bar_in_a_cell_does_not_end_it():
    assert markdown_table(["name"], [["a|b"]])[-1] == r"| a\|b |"


def test_a_table_that_cannot_be_read_is_one_sentence(refused, out):
    path = out / "faults" / "table.md"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe")
    assert f"{path}: cannot be read" in refused("report", "--out", out)


def test_the_front_page_holds_the_results_and_fits_a_screen():
    text = README.read_text(encoding="utf-8")
    assert fill_in(text, ROOT / "results") == text
    assert make_report(ROOT / "results") == (ROOT / "results/README.md").read_text("utf-8")
    assert text.count("\n") <= 150


def test_the_front_pages_results_are_replaced_and_the_rest_is_left(out, store):
    store(("table3_music", "sgd/projection_0.2"), validation=(4.0,), unigram=10.0)
    text = "a\n<!-- results -->\nold\nlines\n<!-- end of results -->\nb"
    new = fill_in(text, out)
    assert new.startswith("a\n<!-- results -->\nOf ")
    assert "P_δ has the lower loss in no pair known yet. " in " ".join(new.split())
    assert new.endswith("\n\nTimes: not measured.\n<!-- end of results -->\nb")
    assert re.search(r"\| music, SGD at 0.1 +\| 4.000 +\| 3.42 +\| not run +\| 3.55", new)
    assert "old" not in new
    assert fill_in(new, out) == new


def test_the_front_page_has_times_of_the_configs_own_conditions_only(out):
    committed = json.loads((ROOT / "results" / "timing" / "timing.json").read_text())
    path = out / "timing" / "timing.json"
    path.parent.mkdir(parents=True)
    for point in committed["points"]:
        ours, theirs = (point["cells"][f"sgd_1.1/{k}"] for k in ("projection_auto", "clipping_5"))
        ours |= {part: [2 * seconds for seconds in theirs[part]] for part in PARTS}
    path.write_text(json.dumps(committed))
    text = "<!-- results -->\n<!-- end of results -->"
    row = r"\| `auto` \(ours\) +(\| 2\.00 \(2\.00 to 2\.00\) +){3}\|"
    assert re.search(row, fill_in(text, out))
    committed["conditions_sha256"]["sgd_1.1/projection_naive"] = "0" * 64
    path.write_text(json.dumps(committed))
    assert "Times: not measured." in fill_in(text, out)


def test_a_table_says_what_has_to_be_known_to_read_it(table, store, demo):
    later = {"environment": {"git": {"commit": None, "dirty": True}, "device": "a GPU"}}
    store(demo, resumed=[later])
    rows, text, notes = table("demo")
    assert not {"difference", "published, validation", "published, test"} & set(
        rows["sgd/clipping_20"]
    )
    for words in (
        "The supplement prints no number to compare with.",
        "95 % t-interval",
        "our assumption",
        "unigram predictor",
        "Conditions that are assumption: ",
        "1 of these results came, at least in part, from a tree with uncommitted changes.",
        "1 of these results came, at least in part, from code whose commit is not known.",
        "1 of these results ran on a GPU (a GPU), at least in part",
        "Repeat: `scripts/reproduce.sh demo --out runs/repeat --seeds 0`.",
    ):
        assert words in text
    assert all(note.endswith((".", "**")) for note in notes)
    assert text.startswith("## Demo")


@pytest.mark.parametrize(
    ("words", "seeds", "stopped_by", "command"),
    [
        ([], (0, 5, 3), "its own rule", "--out runs/repeat --seeds 0`; further seeds with `--cells "
         "CELL --seeds 3,5"),
        ([], (5, 3), "its own rule", "--out runs/repeat --seeds 3,5"),
        (["--cells", "sgd/*"], (0,), "its own rule", "--cells 'sgd/*' --out runs/repeat --seeds 0"),
        ([], (0,), "--max-iterations 7", "--out runs/repeat --max-iterations 7 --seeds 0"),
    ],
)  # fmt: skip
def test_how_to_repeat_is_said(table, store, demo, words, seeds, stopped_by, command):
    for seed in seeds:
        store(demo, seed, stopped_by=stopped_by)
    assert f"Repeat: `scripts/reproduce.sh demo {command}`." in table("demo", *words)[1]


def test_labels_come_from_the_config_and_not_from_a_result(table, store, demo):
    store(demo)
    before = table("demo")[2]
    store(demo, sources=dict.fromkeys(demo.sources, "stated"))
    assert table("demo")[2] == before


P, C = "projection_0.2", "clipping_15"


def run(lowest, norm=30.0, largest=50.0, ended=True, epochs=100.0, half_way=30.0):
    norms = {"gradient_norm": [half_way, 2 * norm - half_way], "gradient_norm_max": [1.0, largest]}
    return {
        "status": "completed" if ended else "interrupted",
        "best": {"validation_loss": lowest},
        "epochs": epochs,
        "iterations": 2,
        "divergence": None,
        "conditions": {"task": "music"},
        "gradient_mean": {"norm": norm},
        "curves": {"iterations": {"iteration": [1, 2], **norms}},
    }


DIVERGED = {"status": "diverged"}
CASES = [
    ("a", {}, OPEN),
    ("a", {f"sgd/{P}": run(3.4), f"sgd/{C}": run(3.5)}, HOLDS),
    ("a", {f"sgd/{P}": run(3.6), f"sgd/{C}": run(3.5)}, FAILS),
    ("a", {f"sgd/{P}": run(3.4, largest=3001.0), f"sgd/{C}": run(3.5)}, FAILS),
    ("a", {f"sgd/{P}": run(3.4, largest=None, ended=False)}, FAILS),
    ("a", {f"sgd/{P}": run(3.4, ended=False), f"sgd/{C}": run(3.5)}, OPEN),
    ("a", {f"sgd/{P}": run(3.4), f"sgd/{C}": run(3.5, ended=False)}, OPEN),
    ("b", {f"adam_1e-4/{P}": run(10.8), f"adam_1e-4/{C}": run(12.9)}, HOLDS),
    ("b", {f"adam_1e-4/{P}": run(10.8), f"adam_1e-4/{C}": run(12.9, ended=False)}, OPEN),
    ("b", {f"adam_1e-4/{P}": run(9.9, ended=False)}, FAILS),
    ("b", {f"adam_1e-4/{P}": run(10.8), f"adam_1e-4/{C}": run(12.9) | DIVERGED}, FAILS),
    ("c", {f"adam_1e-2/{C}": run(13.7), f"rmsprop_1e-2/{C}": run(13.9)}, HOLDS),
    ("c", {f"adam_1e-2/{C}": run(13.7), f"rmsprop_1e-2/{C}": run(5.0)}, FAILS),
    ("d", {f"rmsprop_1e-4/{P}": run(3.7)}, HOLDS),
    ("d", {f"rmsprop_1e-4/{P}": run(3.8)}, FAILS),
    ("d", {f"rmsprop_1e-4/{P}": run(3.8, ended=False)}, OPEN),
    ("d", {f"rmsprop_1e-4/{P}": run(3.4, ended=False)}, FAILS),
    ("e", {f"sgd/{C}": run(3.5, norm=20.0)}, HOLDS),
    ("e", {f"sgd/{C}": run(3.5, norm=46.0)}, FAILS),
    ("e", {f"sgd/{C}": run(3.5, norm=46.0, ended=False)}, OPEN),
    ("e", {f"sgd/{C}": run(3.5, norm=91.0, ended=False)}, FAILS),
    ("e", {f"sgd/{C}": run(3.5, norm=91.0, ended=False, epochs=9.0)}, OPEN),
    ("e", {f"sgd/{C}": run(3.5, half_way=90.0)}, HOLDS),
    ("e", {f"sgd/{C}": run(3.5, half_way=91.0)}, FAILS),
    ("e", {f"sgd/{C}": run(3.5, half_way=91.0, epochs=19.0)}, HOLDS),
]  # fmt: skip


@pytest.mark.parametrize(("sign", "runs", "word"), CASES, ids=range(len(CASES)))
def test_a_sign_fails_early_and_holds_at_the_end(sign, runs, word):
    assert SIGNS[sign](runs).word == word


def test_the_table_has_a_row_for_each_reading(out, store):
    store(("table3_music", "sgd/projection_0.2"), status="diverged")  # fails (a)
    rows = [line for line in format_identification(out).splitlines() if " of 5 " in line]
    assert len(rows) == 11
    assert "0 to 4 of 5" in rows[0]
    assert all(row.count(OPEN) == 5 and "0 to 5 of 5" in row for row in rows[1:])
