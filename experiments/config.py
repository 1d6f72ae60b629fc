"""Read configs/*.yaml strictly: what it says, where each setting comes from, what was published."""

import difflib
import json
from collections.abc import Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from experiments.conditions import Conditions
from experiments.paths import CONFIGS, shown
from grustab.errors import GrustabError

#: Where a setting or number comes from; never mixed.
STATED = "stated"  # in the paper's supplement
UNVERIFIED = "main paper (unverified)"  # nobody here could check it against the text
ASSUMPTION = "assumption"  # the paper is silent, we chose
COMMAND_LINE = "command line"
Source = Literal["stated", "main paper (unverified)", "assumption"]


class ConfigError(GrustabError):
    """A config, a cell name or an override is not valid."""


class Published(BaseModel):
    """A number of the supplement.

    Attributes:
        table: Number of its table.
        column: Its column, as printed.
        row: Its row, as printed.
        printed: The entry exactly as printed.
        value: The same as a number; ``None`` where the print cannot be read as one.
        success_rate: Success rate printed with it, in percent.
        test: Test entry printed with it, as printed.
        note: What to know about the print.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    table: int
    column: str
    row: str
    printed: str
    value: float | None
    success_rate: float | None = None
    test: str | None = None
    note: str | None = None


class _CellText(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    set: dict[str, Any]
    published: Published | None
    source: Source = STATED


class _ConfigText(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    title: str
    notes: list[str] = []
    report: Literal["validation", "seconds_per_iteration"] = "validation"
    runs: int = Field(ge=1, le=10_000)
    conditions: dict[Source, dict[str, Any]]
    # Names become folders of results/.
    cells: dict[Annotated[str, Field(pattern=r"^\w[\w.+-]*(/\w[\w.+-]*)*$")], _CellText] = Field(
        min_length=1
    )


class Cell(NamedTuple):
    """One entry of a table: what to run and what to compare with.

    Attributes:
        config: Name of the config, the file's name without ``.yaml``.
        name: Name of the cell, ``optimizer/method``.
        conditions: All settings, resolved.
        sources: Where each setting comes from.
        published: The supplement's number, or ``None`` where there is none.
        overrides: Settings given on the command line, with their values.
    """

    config: str
    name: str
    conditions: Conditions
    sources: dict[str, str]
    published: Published | None
    overrides: dict[str, Any]

    def override(self, settings: Sequence[str]) -> "Cell":
        """The cell with settings of the command line, ``key=value`` each, the value in YAML.

        Raises:
            ConfigError: If a key or a value is not valid, or the settings do not fit together.
        """
        if not settings:
            return self
        now = self.conditions.model_dump()
        given = dict(_parse_override(item) for item in settings)
        if all(now[key] == value for key, value in given.items()):
            return self
        where = f"--set {' '.join(map(_printable, settings))}: cell {self.name!r} of {self.config}"
        conditions = _validated(where, Conditions, {**now, **given})
        sources = {**self.sources, **dict.fromkeys(given, COMMAND_LINE)}
        return self._replace(conditions=conditions, sources=sources, overrides=given)

    def set_words(self) -> list[str]:
        """The overrides as words of a command line that gives them again."""
        pairs = (f"{key}={json.dumps(value)}" for key, value in self.overrides.items())
        return [word for pair in pairs for word in ("--set", pair)]


class Config(NamedTuple):
    """A config file, validated.

    Attributes:
        name: The file's name without ``.yaml``.
        title: One line on what it reproduces.
        notes: Remarks to print with its table.
        report: What its table reports.
        runs: Seeds per cell of the full experiment.
        cells: All cells by name, in the file's order.
    """

    name: str
    title: str
    notes: list[str]
    report: str
    runs: int
    cells: dict[str, Cell]

    def cell(self, name: str) -> Cell:
        """The cell of that name.

        Raises:
            ConfigError: If there is none.
        """
        if name not in self.cells:
            raise ConfigError(f"config {self.name} has no cell {name!r}{_hint(name, self.cells)}")
        return self.cells[name]

    def matching(self, pattern: str) -> list[Cell]:
        """Cells whose name matches a shell pattern such as ``sgd/*``, maybe none."""
        return [cell for name, cell in self.cells.items() if fnmatchcase(name, pattern)]

    def select(self, pattern: str) -> list[Cell]:
        """Cells whose name matches a shell pattern such as ``sgd/*``, at least one.

        Raises:
            ConfigError: If none does.
        """
        cells = self.matching(pattern)
        if not cells:
            hint = _hint(pattern, self.cells)
            raise ConfigError(f"config {self.name} has no cell {pattern!r}{hint}")
        return cells


def config_names() -> list[str]:
    """Names of all configs of the package."""
    return sorted(path.stem for path in CONFIGS.glob("*.yaml"))


def load_config(name: str) -> Config:
    """Read and validate a config.

    Args:
        name: Name of a config of the package (``table3_music``) or path of a ``.yaml`` file.

    Raises:
        ConfigError: With one sentence that names the file, the key and what was expected.
    """
    path = Path(name) if name.endswith((".yaml", ".yml")) else CONFIGS / f"{name}.yaml"
    if not path.is_file():
        raise ConfigError(f"there is no config {name!r}{_hint(name, config_names())}")
    text = _validated(shown(path), _ConfigText, _parse(path))
    base, base_sources = _merge_sources(path, text.conditions)
    cells = {}
    for cell_name, cell in text.cells.items():
        where = f"{shown(path)}: cell {cell_name!r}"
        conditions = _validated(where, Conditions, {**base, **cell.set})
        sources = {**base_sources, **dict.fromkeys(cell.set, cell.source)}
        cells[cell_name] = Cell(path.stem, cell_name, conditions, sources, cell.published, {})
    return Config(path.stem, text.title, text.notes, text.report, text.runs, cells)


def _parse(path: Path) -> Any:
    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, ValueError, RecursionError) as error:
        problem = getattr(error, "problem", None) or str(error)
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigError(
            f"{shown(path)}{line}: not valid YAML: {' '.join(problem.split())}"
        ) from None
    except OSError as error:
        raise ConfigError(f"{shown(path)}: cannot be read: {error.strerror}") from None


def _merge_sources(
    path: Path, conditions: dict[str, dict[str, Any]]
) -> tuple[dict[str, Any], dict[str, str]]:
    """Settings of all sources together, and the source of each."""
    settings: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for source, group in conditions.items():
        for key, value in group.items():
            if key in sources:
                raise ConfigError(
                    f"{shown(path)}: key '{key}' stands under both '{sources[key]}' and "
                    f"'{source}', expected it under one"
                )
            settings[key], sources[key] = value, source
    return settings, sources


def _parse_override(item: str) -> tuple[str, Any]:
    key, equals, value = item.partition("=")
    given = f"--set {_printable(item)}"
    if not equals or not key:
        raise ConfigError(
            f"{given}: expected key=value such as epochs=2 (CONFIG goes before --set)"
        )
    if key not in Conditions.model_fields:
        raise ConfigError(f"{given}: unknown key{_hint(key, Conditions.model_fields)}")
    try:
        return key, YAML(typ="safe", pure=True).load(value)
    except (YAMLError, ValueError, RecursionError):
        raise ConfigError(f"{given}: the value is not valid YAML") from None


def _printable(text: str) -> str:
    """The text with what would move a terminal's cursor written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _validated(where: str, model: type[BaseModel], data: Any) -> Any:
    """``model`` of ``data``, its first complaint as one sentence that begins with ``where``."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        first = error.errors()[0]
    raise ConfigError(f"{where}: {_complaint(first, model)}")


def _complaint(error: Any, model: type[BaseModel]) -> str:
    *path, last = error["loc"] or ("",)
    if last == "[key]":
        place = " ".join(".".join(map(str, path[:-1])).split())
        return f"key '{place}': {path[-1]!r} cannot stand there, {_names(path[:-1])}"
    place = " ".join(".".join(map(str, error["loc"])).split())
    if error["type"] == "extra_forbidden":
        # The keys of the model that the unknown one stands in.
        inner = {1: _CellText, 2: Published}.get(len(path) - 1, model)
        return f"unknown key '{place}'{_hint(str(last), inner.model_fields)}"
    if error["type"] == "missing":
        return f"key '{place}' is missing"
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    if error["type"] == "model_type":
        keys = ", ".join(name for name, f in model.model_fields.items() if f.is_required())
        return (f"key '{place}': " if place else "") + f"expected a mapping with the keys {keys}"
    expected = error["msg"][0].lower() + error["msg"][1:]
    return (f"key '{place}': " if place else "") + f"{expected}, got {error['input']!r}"


def _names(path: list[Any]) -> str:
    if path == ["cells"]:
        return "a cell's name is made of letters, digits, _ . + - and /"
    return f"expected one of: {STATED}, {UNVERIFIED}, {ASSUMPTION}"


def _hint(wrong: str, known: Any) -> str:
    close = difflib.get_close_matches(wrong, known, n=1)
    if close:
        return f", did you mean '{close[0]}'?"
    return f", expected one of: {', '.join(known)}"
