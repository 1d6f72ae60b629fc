"""The page with everything."""

import re
from html.parser import HTMLParser

import pytest

from experiments.config.load import config_names, load_config
from experiments.reports.page import make_report
from experiments.reports.readme import BLOCK, README, fill_in


class Tags(HTMLParser):
    """Collects what a page links to and whether its tags match."""

    EMPTY = ("meta", "img", "br", "hr", "link")

    def __init__(self):
        super().__init__()
        self.open, self.ids, self.links, self.sources = [], set(), [], []

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.ids.add(attributes.get("id"))
        self.links += [attributes["href"]] if "href" in attributes else []
        self.sources += [attributes["src"]] if "src" in attributes else []
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def parsed(page):
    tags = Tags()
    tags.feed(page)
    assert tags.open == []
    return tags


def test_it_has_a_section_for_each_config_and_every_link_leads_somewhere(out):
    tags = parsed(make_report(out))
    assert {*config_names(), "run", "claims"} <= tags.ids
    assert {link.removeprefix("#") for link in tags.links} <= tags.ids


def test_it_needs_no_network(out, store, call):
    store(load_config("demo").cell("sgd/clipping_20"))
    call("figures", "demo", "--out", out)
    page = make_report(out)
    sources = parsed(page).sources
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    assert not re.search(r"(src|href)=.(https?:|//)|@import|url\(", page)


def test_equal_results_give_an_equal_page(out, store):
    store(load_config("table3_music").cell("sgd/projection_0.2"))
    assert make_report(out) == make_report(out)


def test_it_says_what_was_run_what_not_and_how_to(out, store):
    config = load_config("table3_music")
    store(config.cell("sgd/projection_0.2"))
    store(config.cell("sgd/clipping_15"), status="interrupted")
    page = make_report(out)
    row = next(
        line for line in page.split("<tr>") if 'href="#table3_music"' in line and "<td>" in line
    )
    assert [re.sub("<.*?>", "", cell) for cell in row.split("</td>")][1:5] == [
        "\n1 of 14",
        "\n1",
        "\n12",
        "\nscripts/reproduce.sh table3_music",
    ]
    assert 'class="verdict open">not enough runs<' in page


def test_it_begins_with_three_sentences_and_a_figure(out, store, call):
    for name, norm in (("sgd/clipping_15", 3.55), ("sgd/projection_0.2", 9.0)):
        store(load_config("table3_music").cell(name), validation=(9.5, norm), unigram=10.0)
    call("figures", "table3_music", "--out", out)
    start = make_report(out).partition("<nav>")[0]
    assert "2 have finished runs here, and 1 of these came out within 10 %" in start
    assert "in 0 of 1 runs of clipping and in 0 of 1 runs of P<sub>δ</sub>" in start
    assert start.count("<img ") == 1


def test_the_epoch_of_partial_runs_stands_beside_their_curves(out, store, call):
    cell = load_config("table1_language").cell("sgd_1.1/clipping_5")
    store(cell, validation=(6.0, 5.5), status="interrupted", unigram=6.5)
    call("figures", "table1_language", "--out", out)
    assert "Partial runs: sgd_1.1/clipping_5 to epoch 2 of 60 at most." in make_report(out)


def test_a_table_without_any_number_is_one_sentence_until_a_run_is_there(out, store):
    sentence = "Nothing run yet, of 9 cells; the supplement prints no number to compare with."
    page = make_report(out)
    assert sentence in page.split('id="main_music"')[1].split("</section>")[0]
    assert sentence not in page.split('id="table2_language_lr0.1"')[1].split("</section>")[0]
    config = load_config("main_music")
    store(next(iter(config.cells.values())))
    assert sentence not in make_report(out).split('id="main_music"')[1].split("</section>")[0]


@pytest.mark.parametrize("name", ["bench", "faults"])
def test_other_tables_are_taken_in_where_they_are_there(out, name):
    assert f'id="{name}"' not in make_report(out)
    (out / name).mkdir(parents=True)
    (out / name / "table.md").write_text("## Title\n\n| a & b |\n| --- |\n| <x> 1 |\n")
    page = make_report(out)
    assert f'id="{name}"' in page
    assert "a &amp; b" in page


def test_the_command_writes_it(call, out):
    code, text, err = call("report", "--out", out)
    assert (code, err) == (0, "")
    assert "report.html" in text
    assert (out / "report.html").read_text(encoding="utf-8") == make_report(out)


def test_a_damaged_result_is_one_sentence(refused, store, out):
    store(load_config("demo").cell("sgd/clipping_20")).write_text("{")
    assert "not valid JSON" in refused("report", "--out", out)


def test_the_tables_in_the_readme_are_those_of_the_results():
    text = README.read_text(encoding="utf-8")
    assert BLOCK.search(text)
    assert fill_in(text) == text


def test_a_table_in_the_readme_is_replaced_and_the_rest_is_left():
    text = "a\n<!-- table demo -->\nold\nlines\n<!-- end of table -->\nb"
    new = fill_in(text)
    assert new.startswith("a\n<!-- table demo -->\n| cell")
    assert new.endswith(" |\n<!-- end of table -->\nb")
    assert "old" not in new
    assert fill_in(new) == new


def test_a_table_that_cannot_be_read_is_one_sentence(refused, out):
    path = out / "faults" / "table.md"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"\xff\xfe")
    assert f"{path}: cannot be read" in refused("report", "--out", out)
