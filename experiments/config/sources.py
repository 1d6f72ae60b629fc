"""The settings of a config file, those it leaves out, and where each comes from."""

from functools import cache
from pathlib import Path
from typing import Any

from experiments.config.conditions import Conditions
from experiments.config.schema import ConfigError, ConfigText, key_hint, validated
from experiments.config.yaml_text import NOT_YAML, load_yaml
from experiments.system.paths import CONFIGS, shown

#: What a config takes over only where it leaves out the key that stands first.
WITH = {
    "optimizer": ("learning_rate",),
    "schedule": ("decay_divisor", "decay_after", "min_learning_rate"),
}


def parse(path: Path) -> Any:
    """What a file of YAML holds.

    Raises:
        ConfigError: With one sentence on what is wrong.
    """
    try:
        return load_yaml(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{shown(path)}: not valid YAML: byte {error.start} is no UTF-8, expected text in UTF-8"
        ) from None
    except NOT_YAML as error:
        problem = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        begin = getattr(error, "context_mark", None)
        if mark and begin and begin.line != mark.line:
            problem += f", in what begins in line {begin.line + 1}"
        raise ConfigError(
            f"{shown(path)}{line}: not valid YAML: {' '.join(problem.split())}"
        ) from None
    except OSError as error:
        raise ConfigError(f"{shown(path)}: cannot be read: {error.strerror}") from None


def left_out(said: dict[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """What a cell leaves out, and its sources: as the task's main experiment has it."""
    fields = Conditions.model_fields
    wanted = {key for key, field in fields.items() if field.is_required()} - said.keys()
    for key, others in WITH.items():
        wanted = wanted | {*others} if key in wanted else wanted - {*others}
    wanted -= {"task", "method", *said}
    if not wanted or said.get("task") not in ("language", "music"):
        return {}, {}
    settings, sources = (
        {key: part[key] for key in part if key in wanted} for part in _main(said["task"])
    )
    return settings, sources


@cache
def _main(task: str) -> tuple[dict[str, Any], dict[str, str]]:
    path = CONFIGS / f"main_{task}.yaml"
    return merge_sources(path, validated(shown(path), ConfigText, parse(path)).conditions)


def merge_sources(
    path: Path, conditions: dict[str, dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings of all sources together, and the source of each."""
    settings: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, group in conditions.items():
        for key, value in group.items():
            if key not in Conditions.model_fields:
                raise ConfigError(
                    f"{shown(path)}: conditions: unknown key '{key}'"
                    f"{key_hint(str(key), Conditions)}"
                )
            if key in sources:
                raise ConfigError(
                    f"{shown(path)}: key '{key}' stands under both '{sources[key]}' and "
                    f"'{source}', expected it under one"
                )
            settings[key], sources[key] = value, source
    return settings, sources
