"""The signs that tell the readings of the music conditions apart."""

import pytest

from experiments.reports.identification import FAILS, HOLDS, OPEN, SIGNS, format_identification

P, C = "projection_0.2", "clipping_15"


def run(lowest, norm=30.0, largest=50.0, ended=True, epochs=100.0):
    return {
        "status": "completed" if ended else "interrupted",
        "best": {"validation_loss": lowest},
        "epochs": epochs,
        "divergence": None,
        "conditions": {"task": "music"},
        "gradient_mean": {"norm": norm},
        "curves": {"iterations": {"iteration": [1, 2], "gradient_norm_max": [1.0, largest]}},
    }


CASES = [
    ("a", {}, OPEN),
    ("a", {f"sgd/{P}": run(3.4), f"sgd/{C}": run(3.5)}, HOLDS),
    ("a", {f"sgd/{P}": run(3.6), f"sgd/{C}": run(3.5)}, FAILS),
    ("a", {f"sgd/{P}": run(3.4, largest=3001.0), f"sgd/{C}": run(3.5)}, FAILS),
    ("a", {f"sgd/{P}": run(3.4, largest=None, ended=False)}, FAILS),
    ("a", {f"sgd/{P}": run(3.4, ended=False), f"sgd/{C}": run(3.5)}, OPEN),
    ("b", {f"adam_1e-4/{P}": run(10.8), f"adam_1e-4/{C}": run(12.9)}, HOLDS),
    ("b", {f"adam_1e-4/{P}": run(10.8), f"adam_1e-4/{C}": run(12.9, ended=False)}, OPEN),
    ("b", {f"adam_1e-4/{P}": run(9.9, ended=False)}, FAILS),
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
]  # fmt: skip


@pytest.mark.parametrize(("sign", "runs", "word"), CASES, ids=range(len(CASES)))
def test_a_sign_fails_early_and_holds_at_the_end(sign, runs, word):
    assert SIGNS[sign](runs).word == word


def test_the_table_has_a_row_for_each_reading(tmp_path):
    rows = [line for line in format_identification(tmp_path).splitlines() if "0 of 5" in line]
    assert len(rows) == 11
    assert all(row.count(OPEN) == 5 for row in rows)
