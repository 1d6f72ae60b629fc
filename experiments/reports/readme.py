"""Keep the tables of README.md equal to the results'."""

import re

from experiments.config.load import load_config
from experiments.reports.table import format_table
from experiments.system.paths import RESULTS, ROOT, shown
from experiments.system.storage import write_file

README = ROOT / "README.md"
#: A table goes between two comments; what stands there now is replaced.
BLOCK = re.compile(r"(<!-- table (?P<config>\S+) -->\n).*?(<!-- end of table -->)", re.DOTALL)


def write_readme() -> None:
    """Write the tables of finished and partial runs into README.md, where it asks for them.

    Raises:
        grustab.errors.GrustabError: If a result file is not valid, or the file cannot be written.
    """
    text = README.read_text(encoding="utf-8")
    new = fill_in(text)
    if new != text:
        write_file(README, new.encode())
        print(f"written: {shown(README)}")


def fill_in(text: str) -> str:
    """The text with each of its tables as the committed results have it."""
    return BLOCK.sub(lambda found: found[1] + _table(found["config"]) + found[3], text)


def _table(name: str) -> str:
    """The rows of a config's table, without its title and its notes."""
    config = load_config(name)
    lines = format_table(config, list(config.cells.values()), RESULTS).splitlines()
    return "".join(f"{line}\n" for line in lines if line.startswith("|"))
