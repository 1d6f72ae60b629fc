"""Read configs/*.yaml strictly: what it says, where each setting comes from, what was published."""

import json
import shlex
from collections.abc import Container, Iterable, Sequence
from contextlib import suppress
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

from experiments.config.conditions import Conditions
from experiments.config.own_data import with_data
from experiments.config.schema import (
    ASSUMPTION,
    COMMAND_LINE,
    ConfigError,
    ConfigText,
    Published,
    hint,
    key_hint,
    validated,
)
from experiments.config.sources import left_out, merge_sources, parse
from experiments.config.yaml_text import NOT_YAML, load_yaml
from experiments.system.paths import CONFIGS, given, shown
from grustab.text import is_printable, printable

#: What stands in the folder of results and is no config's.
RESERVED = (".", "..", "README.md", "report.html", "claims.md")
RESERVED += ("bench", "explosion", "faults", "figures", "gpu", "older_masks")


class Cell(NamedTuple):
    """One entry of a table: what to run and what to compare with.

    Attributes:
        config: Name of the config, the file's name without ``.yaml``.
        name: Name of the cell, ``optimizer/method``.
        sources: Where each setting comes from.
        published: The supplement's number, or ``None`` where there is none.
        overrides: Settings given on the command line, with their values.
        file: What a command line calls the config: its name, or the path of its file.
    """

    config: str
    name: str
    conditions: Conditions
    sources: dict[str, str]
    published: Published | None
    overrides: dict[str, Any]
    file: str

    def override(self, settings: Sequence[str]) -> "Cell":
        """The cell with settings of the command line, ``key=value`` each, the value in YAML.

        Raises:
            ConfigError: If a key or a value is not valid, or the settings do not fit together.
        """
        if not settings:
            return self
        now = self.conditions.model_dump()
        given = dict(_parse_override(item) for item in settings)
        where = f"--set {printable(' '.join(settings), 100)}: cell {self.name!r} of {self.config}"
        if "optimizer" in given:
            del now["learning_rate"]  # as in a file, it is missing then unless given, too
        if given.keys() & {"path", "dataset"}:
            now["data_sha256"] = None
        found = with_data(where, {**now, **given}, Path())
        given = {key: found[key] for key in given}
        if all(_same(getattr(self.conditions, key), value) for key, value in given.items()):
            return self
        conditions = validated(where, Conditions, found)
        if not (self.conditions.method == "projection" and self.conditions.threshold):
            _require_meant(where, conditions, given)
        sources = {**self.sources, **dict.fromkeys(given, COMMAND_LINE)}
        if conditions.path is not None:
            sources["data_sha256"] = sources["path"]
        overrides = {key: getattr(conditions, key) for key in given}  # 2 and 2.0 are one rate
        return self._replace(conditions=conditions, sources=sources, overrides=overrides)


def file_word(file: str) -> str:
    """The name of a config, as a command line has it in the folder of its file."""
    name = Path(file).name
    return f"./{name}" if name.startswith("-") else name


def set_words(overrides: dict[str, Any]) -> list[str]:
    """Overrides as words of a command line that gives them again."""
    pairs = (f"{key}={json.dumps(value)}" for key, value in overrides.items())
    return [word for pair in pairs for word in ("--set", pair)]


def all_overrides(cells: Sequence[Cell]) -> dict[str, Any]:
    """Settings of the command line of any of the cells."""
    return {key: value for cell in cells for key, value in cell.overrides.items()}


class Config(NamedTuple):
    """A config file, validated.

    Attributes:
        name: The file's name without ``.yaml``.
        report: What its table reports.
        runs: Seeds per cell of the full experiment.
        compare: Pairs of cells, by name, that the table compares seed by seed.
        file: What a command line calls it: its name, or the path of its file.
    """

    name: str
    title: str
    notes: list[str]
    report: str
    runs: int
    compare: list[list[str]]
    cells: dict[str, Cell]
    file: str

    @property
    def word(self) -> str:
        """What a person types for it in a shell, in the current folder."""
        word = self.file if self.file == self.name else shown(Path(self.file))
        return shlex.quote(f"./{word}" if word.startswith("-") else word)

    def cell(self, name: str) -> Cell:
        """The cell of that name.

        Raises:
            ConfigError: If there is none.
        """
        if name not in self.cells:
            raise ConfigError(f"config {self.name} has no cell {name!r}{hint(name, self.cells)}")
        return self.cells[name]

    def matching(self, pattern: str) -> list[Cell]:
        """Cells whose name matches a shell pattern such as ``sgd/*``, maybe none."""
        return [cell for name, cell in self.cells.items() if fnmatchcase(name, pattern)]

    def select(self, pattern: str) -> list[Cell]:
        """Cells whose name matches a shell pattern such as ``sgd/*``, at least one.

        Raises:
            ConfigError: If none does.
        """
        return self.matching(pattern) or [self.cell(pattern)]  # which says that there is none


def config_names() -> list[str]:
    """Names of all configs of the package."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def load_config(name: str) -> Config:
    """Read and validate a config of the package, by name, or that of a ``.yaml`` file.

    Raises:
        ConfigError: With one sentence that names the file, the key and what was expected.
    """
    named = not name.endswith((".yaml", ".yml"))
    path = CONFIGS / f"{name}.yaml" if named else given(name)
    if not path.is_file():
        files: Iterable[str] = ()
        with suppress(OSError, ValueError):  # a folder that cannot be read, or be at all
            files = map(str, filter(Path.is_file, given(name).parent.glob("*.yaml")))
        meant = hint(name, [*config_names(), "the path of a .yaml file"], files)
        raise ConfigError(f"there is no config {name!r}{meant}")
    if not all(map(is_printable, path.stem)):
        raise ConfigError(f"{shown(path)}: expected a file name without control characters")
    ours = path.resolve().parent == CONFIGS
    if not ours and path.stem in {*config_names(), *RESERVED}:
        raise ConfigError(
            f"{shown(path)}: its results would go to the folder {path.stem}, a name that others "
            "have, expected another file name"
        )
    text = validated(shown(path), ConfigText, parse(path))
    where = f"{shown(path)}: key 'compare'"
    for pair in text.compare:
        for name in pair:
            if name not in text.cells:
                raise ConfigError(f"{where}: there is no cell {name!r}{hint(name, text.cells)}")
        if len({*pair}) == 1:
            raise ConfigError(f"{where}: expected two cells, got {pair[0]!r} twice")
        if text.report != "validation":
            raise ConfigError(f"{where} needs report: validation, not {text.report}")
    base, base_sources = merge_sources(path, text.conditions)
    file = path.stem if ours else str(path.resolve())
    cells = {}
    for cell_name, cell in text.cells.items():
        where = f"{shown(path)}: cell {cell_name!r}"
        said = {**base, **cell.set}
        rest, rest_sources = left_out(said)
        settings = with_data(where, {**rest, **said}, path.parent)
        conditions = validated(where, Conditions, settings)
        _require_meant(where, conditions, cell.set)
        silent = dict.fromkeys(conditions.later_unset(), ASSUMPTION)
        sources = silent | base_sources | dict.fromkeys(cell.set, cell.source) | rest_sources
        if conditions.path is not None:
            sources["data_sha256"] = sources["path"]
        cells[cell_name] = Cell(path.stem, cell_name, conditions, sources, cell.published, {}, file)
    tasks = {cell.conditions.task for cell in cells.values()}
    if len(tasks) > 1:  # perplexities and losses do not go into one column
        raise ConfigError(f"{shown(path)}: expected the same task for all cells, got both")
    return Config(
        path.stem, text.title, text.notes, text.report, text.runs, text.compare, cells, file
    )


def _require_meant(where: str, c: Conditions, said: Container[str]) -> None:
    """Whether P_delta and clipping go together because one place says so, and not by accident."""
    if c.method == "projection" and c.threshold and not ("method" in said and "threshold" in said):
        raise ConfigError(
            f"{where}: threshold {c.threshold:g} would clip the gradient before the projection, "
            "expected both in one place (a cell's 'set', or --set) if that is meant, else "
            "threshold null"
        )


def load_configs(names: Iterable[str]) -> list[Config]:
    """Several, each once however often and by whatever path it is named.

    Raises:
        ConfigError: As of :func:`load_config`, or if two files have one name.
    """
    configs: dict[str, Config] = {}
    for config in map(load_config, dict.fromkeys(names)):
        other = configs.setdefault(config.name, config)
        if other.file != config.file:
            raise ConfigError(
                f"{config.word} and {other.word} have one name, so their results would go to one "
                "folder, expected another file name"
            )
    return list(configs.values())


def _parse_override(item: str) -> tuple[str, Any]:
    key, equals, value = item.partition("=")
    given = f"--set {printable(item, 50)}"
    if not equals or not key:
        raise ConfigError(
            f"{given}: expected key=value such as epochs=2 (CONFIG goes before --set)"
        )
    if key not in Conditions.model_fields:
        raise ConfigError(f"{given}: unknown key{key_hint(key, Conditions)}")
    try:
        return key, load_yaml(value)
    except NOT_YAML:
        raise ConfigError(f"{given}: the value is not valid YAML") from None


def _same(a: Any, b: Any) -> bool:
    return a == b and isinstance(a, bool) == isinstance(b, bool)  # True == 1
