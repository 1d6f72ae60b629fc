"""Results spoilt at random: each is valid, or refused with one sentence."""

import random

from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec
from experiments.results.store import read_result
from tests.faults import runs
from tests.faults.mutations import mutated_data

MUTATED_RESULTS = 400


def test_mutated_results(call, check_refusal, config, small_data, tmp_path):
    chance = random.Random("results")
    path = config("short")
    words = [path, "--cell", runs.CELL, "--out", tmp_path]
    assert call("run", *words).code == 0
    file = RunSpec(load_config(str(path)).cell(runs.CELL), 0, tmp_path).result_file
    whole = read_result(file)
    problems = []
    for number in range(MUTATED_RESULTS):
        text = mutated_data(whole, chance)
        file.write_text(text, encoding="utf-8")
        ended = call(chance.choice(["table", "list"]), path, "--out", tmp_path)
        problems += check_refusal("mutated result.json", f"number {number}", ended, True)
    assert not problems, f"{len(problems)}: " + "\n".join(problems[:20])
