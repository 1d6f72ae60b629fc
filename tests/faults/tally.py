"""What the fault suite counts, and how it is written down."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from experiments.reports.markdown import markdown_table
from experiments.system.paths import ROOT
from experiments.system.storage import write_file
from tests.experiments.checks import timeless

WHERE = ROOT / "results" / "faults"


@dataclass
class Row:
    """One kind of fault.

    Attributes:
        tried: Faults done to the program: kills, damaged files, inputs.
        survived: Those after which everything was as it should be.
        runs: Runs compared with the same run undisturbed.
        lost: Runs among them that did not end, or ended with another result.
        tracebacks: Times the program answered with a traceback.
        details: Other counts, by what they count.
    """

    tried: int = 0
    survived: int = 0
    runs: int = 0
    lost: int = 0
    tracebacks: int = 0
    details: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, number: int = 1) -> None:
        self.details[what] = self.details.get(what, 0) + number

    def watch(self, output: str) -> str:
        """Count a traceback in what the program wrote."""
        if "Traceback" in output:
            self.tracebacks += 1
        return output

    def compare(self, result: dict | None, whole: dict) -> None:
        """Count a run that is to have the result of the undisturbed one, and insist on it."""
        self.runs += 1
        same = result is not None and timeless(result) == timeless(whole)
        self.lost += not same
        assert same, difference(result, whole)


def difference(result: dict | None, whole: dict) -> str:
    if result is None:
        return "there is no result"
    a, b = timeless(result), timeless(whole)
    return "differs in " + ", ".join(key for key in {**a, **b} if a.get(key) != b.get(key))


class Tally(dict[str, Row]):
    """All rows, by what was done."""

    def __call__(self, fault: str) -> Row:
        return self.setdefault(fault, Row())

    def totals(self) -> dict[str, int]:
        keys = ("tried", "survived", "runs", "lost", "tracebacks")
        return {key: sum(getattr(row, key) for row in self.values()) for key in keys}

    def table(self) -> list[str]:
        header = ["fault", "tried", "survived", "runs compared", "runs lost", "tracebacks", "also"]
        rows = [
            [
                fault,
                *map(str, (row.tried, row.survived, row.runs, row.lost, row.tracebacks)),
                "; ".join(f"{number} {what}" for what, number in row.details.items()),
            ]
            for fault, row in self.items()
        ]
        totals = [*map(str, self.totals().values())]
        return markdown_table(header, [*rows, ["all", *totals, ""]])

    def write(self, about: dict, where: Path = WHERE) -> None:
        """Write ``faults.json`` and ``table.md``."""
        faults = {fault: asdict(row) for fault, row in self.items()}
        whole = {**about, "totals": self.totals(), "faults": faults}
        commit = f"`{(about['git']['commit'] or 'no commit')[:10]}`"
        if about["git"]["dirty"]:
            commit += " with uncommitted changes"
        tests = ", ".join(f"{count} {outcome}" for outcome, count in about["tests"].items())
        lines = [
            "## Faults",
            "",
            "What `scripts/test.sh --faults` did to the program, and what came of it. A fault is "
            "survived",
            "if all went as it should: a run that was resumed has the result of the undisturbed "
            "one to the",
            "bit (weights, curves, best value), an input that cannot be used is refused with one "
            "sentence.",
            "",
            *self.table(),
            "",
            f"{about['date']}, commit {commit}; tests: {tests}; {about['seconds']} s on "
            f"{about['cores']} cores",
            f"({about['processor']}), Python {about['python']}, NumPy {about['numpy']}.",
        ]
        texts = {
            "faults.json": json.dumps(whole, indent=1, ensure_ascii=False) + "\n",
            "table.md": "\n".join(lines) + "\n",
        }
        for name, text in texts.items():
            assert str(ROOT) not in text
            write_file(where / name, text.encode())
