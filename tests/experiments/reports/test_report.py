"""The page with everything, and the front page."""

import re

import pytest

from experiments.config.load import config_names, load_config
from experiments.reports.page import make_report
from experiments.reports.readme import README, fill_in
from experiments.system.paths import ROOT

NOTHING = "Nothing run yet, of 9 cells; the supplement prints no number to compare with."


def section(page, name):
    return page.partition(f'<a id="{name}"></a>')[2].partition("<a id=")[0]


def test_it_has_a_section_for_each_config_and_every_link_leads_somewhere(out):
    page = make_report(out)
    places = set(re.findall(r'<a id="(.*?)"', page))
    assert places == set(config_names())
    assert set(re.findall(r"\]\(#(.*?)\)", page)) <= places


def test_it_says_what_was_run_what_not_and_how_to(out, store):
    config = load_config("table3_music")
    store(config.cell("sgd/projection_0.2"))
    store(config.cell("sgd/clipping_15"), status="interrupted")
    page = make_report(out)
    assert make_report(out) == page
    (row,) = (line for line in page.splitlines() if line.startswith("| [table3_music](#table3"))
    assert [cell.strip() for cell in row.split("|")[2:6]] == [
        "1 of 14",
        "1",
        "12",
        "`scripts/reproduce.sh table3_music`",
    ]
    assert "| not enough runs" in page


def test_it_begins_with_three_sentences_and_a_figure(out, store, call):
    for name, norm in (("sgd/clipping_15", 3.55), ("sgd/projection_0.2", 9.0)):
        store(load_config("table3_music").cell(name), validation=(9.5, norm), unigram=10.0)
    call("figures", "table3_music", "--out", out)
    start = make_report(out).partition("\n## ")[0]
    assert "For 2 of them we have finished runs, and 1 of these are within 10 %" in start
    assert "in 0 of 1 runs with clipping and in 0 of 1 runs with P_δ" in start
    assert start.count("![") == 1


def test_figures_have_captions_and_the_epoch_of_partial_runs(out, store, call):
    cell = load_config("table1_language").cell("sgd_1.1/clipping_5")
    store(cell, validation=(6.0, 5.5), status="interrupted", unigram=6.5)
    call("figures", "table1_language", "--out", out)
    text = section(make_report(out), "table1_language")
    assert "over the epochs. Partial runs: sgd_1.1/clipping_5 to epoch 2 of 60 at most." in text
    assert all((out / image).exists() for image in re.findall(r'src="(.*?)"', text))


def test_a_table_without_any_number_is_one_sentence_until_a_run_is_there(out, store):
    page = make_report(out)
    assert NOTHING in section(page, "main_music")
    assert NOTHING not in section(page, "table2_language_lr0.1")
    store(next(iter(load_config("main_music").cells.values())))
    assert NOTHING not in section(make_report(out), "main_music")


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("bench/table.md", "## A\n\n| b |\n| --- |\n", "\n\n## A\n\n| b |\n| --- |\n"),
        ("explosion/README.md", "# A\n\nb.\n\nc\n", "## A\n\nb. [All of it](explosion/README.md)."),
        ("demo/README.md", "# A\n", "[What these runs say](demo/README.md)"),
    ],
)
def test_other_texts_are_taken_in_where_they_are_there(out, call, name, text, shown):
    (out / name).parent.mkdir(parents=True)
    (out / name).write_text(text)
    code, said, err = call("report", "--out", out)
    assert (code, err) == (0, "")
    assert "README.md" in said and "report.html" in said
    page = (out / "README.md").read_text(encoding="utf-8")
    assert page == make_report(out)
    assert shown in page
    assert "<h2>The paper's claims</h2>" in (out / "report.html").read_text(encoding="utf-8")


def test_a_table_that_cannot_be_read_is_one_sentence(refused, out):
    path = out / "faults" / "table.md"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe")
    assert f"{path}: cannot be read" in refused("report", "--out", out)


def test_the_front_page_holds_the_results_and_fits_a_screen():
    text = README.read_text(encoding="utf-8")
    assert fill_in(text, ROOT / "results") == text
    assert text.count("\n") <= 150


def test_the_front_pages_results_are_replaced_and_the_rest_is_left(out, store):
    store(load_config("table3_music").cell("sgd/projection_0.2"), validation=(4.0,), unigram=10.0)
    text = "a\n<!-- results -->\nold\nlines\n<!-- end of results -->\nb"
    new = fill_in(text, out)
    assert new.startswith("a\n<!-- results -->\nWe tested ")
    assert new.endswith(": not measured.\n<!-- end of results -->\nb")
    assert re.search(r"\| music, SGD +\| 4 +\| 3.42 +\| not run +\| 3.55", new)
    assert "old" not in new
    assert fill_in(new, out) == new
