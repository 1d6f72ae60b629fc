"""The form of a config file, and what is said where one does not have it."""

import difflib
import reprlib
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from experiments.config.conditions import Conditions
from grustab.errors import GrustabError
from grustab.text import is_printable, printable

#: Where a setting or number comes from; never mixed.
STATED = "stated"  # in the paper's supplement
UNVERIFIED = "main paper (unverified)"  # nobody here could check it against the text
ASSUMPTION = "assumption"  # neither says it, we chose
COMMAND_LINE = "command line"
Source = Literal["stated", "main paper (unverified)", "assumption"]


class ConfigError(GrustabError):
    """A config, a cell name or an override is not valid."""


def _without_control_characters(text: str) -> str:
    for c in text:
        if not is_printable(c) and c not in "\t\n":
            raise ValueError(f"expected text without control characters, got {c!a} in it")
    return text


#: What tables print as it stands.
Text = Annotated[str, AfterValidator(_without_control_characters)]


class Published(BaseModel):
    """A number of the supplement.

    Attributes:
        table, column, row: Where it stands, as printed.
        printed: The entry exactly as printed.
        value: The same as a number; ``None`` where the print cannot be read as one.
        success_rate: Success rate printed with it, in percent.
        test: Test entry printed with it, as printed.
        note: What to know about the print.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    table: int = Field(ge=1, le=1000)
    column: Text
    row: Text
    printed: Text
    value: float | None = Field(gt=0, allow_inf_nan=False)
    success_rate: float | None = Field(default=None, ge=0, le=100)
    test: Text | None = None
    note: Text | None = None


class CellText(BaseModel):
    """A cell as the file has it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    set: dict[str, Any]
    published: Published | None
    source: Source = STATED

    @model_validator(mode="after")
    def _says_where_it_comes_from(self) -> "CellText":
        if self.published is None and "source" not in self.model_fields_set:
            raise ValueError(
                f"published null needs source, one of: {STATED}, {UNVERIFIED}, {ASSUMPTION}"
            )
        return self


class ConfigText(BaseModel):
    """A whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    title: Text
    notes: list[Text] = []
    report: Literal["validation", "seconds_per_iteration"] = "validation"
    runs: int = Field(ge=1, le=10_000)
    compare: list[Annotated[list[str], Field(min_length=2, max_length=2)]] = []
    conditions: dict[Source, dict[str, Any]]
    # Names become folders of results/.
    cells: dict[Annotated[str, Field(pattern=r"^\w[\w.+-]*(/\w[\w.+-]*)*$")], CellText] = Field(
        min_length=1
    )


def validated(where: str, model: type[BaseModel], data: Any) -> Any:
    """Data checked against a model of Pydantic's.

    Raises:
        ConfigError: With one complaint as one sentence that begins with ``where``. Of several it
            is a key that does not belong there, which may explain one that is missing; or else
            a wrong value; in the file's order.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        errors = error.errors()
    first = min(errors, key=lambda e: (_rank(e), _place(e["loc"], data)))
    raise ConfigError(f"{where}: {_complaint(first, model)}")


def _rank(error: Any) -> int:
    if error["type"] == "extra_forbidden" or error["loc"][-1:] == ("[key]",):
        return 0
    return 2 if error["type"] == "missing" else 1


def _place(loc: tuple[Any, ...], data: Any) -> list[int]:
    """The place in the file: the number of each key on the way there."""
    place = []
    for key in loc:
        if not isinstance(data, dict) or key not in data:
            break
        place.append(list(data).index(key))
        data = data[key]
    return place


def _complaint(error: Any, model: type[BaseModel]) -> str:
    *path, last = error["loc"] or ("",)
    if last == "[key]":
        return f"key '{_dotted(path[:-1])}': {_brief(path[-1])} cannot stand there, " + _names(
            path[:-1]
        )
    place = _dotted(error["loc"])
    if error["type"] == "extra_forbidden":
        # The keys of the model that the unknown one stands in.
        inner = {1: CellText, 2: Published}.get(len(path) - 1, model)
        return f"unknown key '{place}'{key_hint(str(last), inner)}"
    if error["type"] == "missing":
        return f"key '{place}' is missing"
    if error["type"] == "value_error":
        return (f"key '{place}': " if place else "") + str(error["ctx"]["error"])
    if error["type"] == "model_type":
        model = {2: CellText, 3: Published}.get(len(error["loc"]), model)
        keys = ", ".join(name for name, f in model.model_fields.items() if f.is_required())
        return (f"key '{place}': " if place else "") + f"expected a mapping with the keys {keys}"
    expected = error["msg"][0].lower() + error["msg"][1:]
    return (f"key '{place}': " if place else "") + f"{expected}, got {_brief(error['input'])}"


def _dotted(loc: Any) -> str:
    return printable(".".join(map(str, loc)), 100)


_repr = reprlib.Repr()
_repr.maxlevel = 2


def _brief(value: Any) -> str:
    """The value as Python has it, shortened: aliases of YAML may unfold without end."""
    try:
        return _repr.repr(value)
    except ValueError:
        return "a number of thousands of digits"


def _names(path: list[Any]) -> str:
    if path == ["cells"]:
        return "a cell's name is made of letters, digits, _ . + - and /"
    if path != ["conditions"]:
        return "expected the name of a setting"
    return f"expected one of: {STATED}, {UNVERIFIED}, {ASSUMPTION}"


def key_hint(wrong: str, model: type[BaseModel]) -> str:
    """The end of a sentence on a key that ``model`` lacks: where it belongs, or :func:`hint`."""
    places = {
        "under 'conditions' or in a cell's 'set'": Conditions,
        "in a cell": CellText,
        "in a cell's 'published'": Published,
        "at the top of the file": ConfigText,
    }
    for place, other in places.items():
        if wrong in other.model_fields:
            return f", it belongs {place}"
    return hint(wrong, model.model_fields)


def hint(wrong: str, known: Any, others: Any = ()) -> str:
    """The end of a sentence on an unknown name: the one that was meant, or all of ``known``."""
    close = difflib.get_close_matches(wrong, [*known, *others], n=1)
    if close:
        return f", did you mean '{close[0]}'?"
    return f", expected one of: {', '.join(known)}"
