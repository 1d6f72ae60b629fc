"""What the README files show."""

import re

import pytest

from experiments.system.paths import ROOT

DOCUMENTS = sorted(
    str(path.relative_to(ROOT))
    for folder in (".", "configs", "experiments", "results", "results/*", "scripts")
    for path in ROOT.glob(f"{folder}/README.md")
)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_to_files_that_are_there(name):
    path = ROOT / name
    links = re.findall(r'(?:\]\(|src=")(?!https?:|#)([^)"#]+)', path.read_text(encoding="utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_the_example_on_the_front_page_runs():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    names = {}
    exec(code, names)
    assert names["sigma_1"] <= 1.8 * (1 + 1e-5)
