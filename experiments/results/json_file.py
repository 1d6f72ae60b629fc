"""JSON files: written whole or not at all, checked against their form when they are read."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from experiments.system.paths import shown
from experiments.system.storage import write_file
from grustab.errors import GrustabError

Model = TypeVar("Model", bound=BaseModel)


class Form(BaseModel):
    """What is read of a file, in just these types; other keys are free."""

    model_config = ConfigDict(strict=True, allow_inf_nan=False)


class ResultError(GrustabError):
    """A result file cannot be read, or is not one of ours."""


def read_json(path: Path, form: type[Model]) -> tuple[dict[str, Any], Model]:
    """The contents of a file, as they stand and in their form.

    Raises:
        ResultError: If it cannot be read, or does not have the form.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ResultError(f"{shown(path)}: cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ResultError(
            f"{shown(path)}: not valid JSON ({error}), delete the file and run again"
        ) from None
    try:
        return content, form.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
    place = ".".join(map(str, first["loc"]))
    expected = first["msg"][0].lower() + first["msg"][1:]
    where = f"key '{place}'" if place else "the whole"
    expected = expected.partition(" or instance of")[0]
    raise ResultError(
        f"{shown(path)}: not a result of this version ({where}: {expected}), "
        "delete the file and run again"
    )


def write_json(path: Path, content: dict[str, Any]) -> None:
    """Write a file whole or not at all.

    Raises:
        StorageError: If the folder or the disk does not take it.
    """
    write_file(path, (_format(content) + "\n").encode())


def _format(value: Any, indent: int = 0) -> str:
    """JSON with a line for each key, and a whole curve on one line."""
    if isinstance(value, dict) and value:
        pad = " " * (indent + 1)
        items = (f"{pad}{json.dumps(k)}: {_format(v, indent + 1)}" for k, v in value.items())
        return "{\n" + ",\n".join(items) + "\n" + " " * indent + "}"
    return json.dumps(value, allow_nan=False)
