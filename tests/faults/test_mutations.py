"""Configs, settings and results spoilt at random: each is valid, or refused with one sentence."""

import random

import pytest

from experiments.config.conditions import Conditions
from experiments.config.load import load_config
from experiments.results.run_spec import RunSpec
from experiments.results.store import read_result
from experiments.system.paths import CONFIGS
from tests.faults import runs
from tests.faults.mutations import PLAIN, WORDS, mutated_data, mutated_text

MUTATED_CONFIGS, MUTATED_SETTINGS, MUTATED_RESULTS = 1000, 400, 400


def test_mutated_configs(call, check_refusal, tmp_path):
    chance = random.Random("configs")
    texts = {path.name: path.read_text("utf-8") for path in sorted(CONFIGS.glob("*.yaml"))}
    problems = []
    for number in range(MUTATED_CONFIGS):
        name = chance.choice(list(texts))
        content = mutated_text(texts[name], chance)
        path = tmp_path / name
        path.write_bytes(content)
        ended = call("list", path, "--out", tmp_path / "results")
        problems += check_refusal("mutated config", f"{name}, number {number}", ended, True)
    assert not problems, f"{len(problems)}: " + "\n".join(problems[:20])


@pytest.mark.parametrize("command", ["list", "table"])
def test_mutated_settings(call, check_refusal, tmp_path, command):
    chance = random.Random(f"settings {command}")
    keys = [*Conditions.model_fields, "", "unit", "cells", "epochs.x", "δ", "\u0000", "__class__"]
    problems = []
    for _ in range(MUTATED_SETTINGS // 2):
        settings = [
            chance.choice(keys)
            + chance.choice(["=", "=", "=", "==", "= "])
            + chance.choice(chance.choice([PLAIN, PLAIN, WORDS]))
            + chance.choice(["", "", "", chance.choice(WORDS)])
            for _ in range(chance.choice([1, 1, 2]))
        ]
        ended = call(command, "demo", "--set", *settings, "--out", tmp_path / "results")
        problems += check_refusal("mutated --set", f"{command} {settings!a}"[:200], ended, True)
    assert not problems, f"{len(problems)}: " + "\n".join(problems[:20])


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
