"""Reading the files of ``time`` and ``bench`` with care."""

import json
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from experiments.paths import shown
from experiments.results import ResultError

Model = TypeVar("Model", bound=BaseModel)


def read_measurement(path: Path, model: type[Model]) -> tuple[Model, dict[str, Any]]:
    """A measurement's file, validated, and the raw contents.

    Raises:
        FileNotFoundError: If there is none.
        ResultError: If the file cannot be read or is not one of ours.
    """
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
        return model.model_validate(raw), raw
    except FileNotFoundError:
        raise
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        complaint = f"not a measurement: key '{place}': {first['msg']}"
    except OSError as error:
        complaint = f"cannot be read: {error.strerror}"
    except ValueError:
        complaint = "not a measurement, expected JSON"
    raise ResultError(f"{shown(path)}: {complaint}")


def machine(environment: dict[str, Any]) -> str:
    """The device, or the processor and its BLAS threads, of a described environment."""
    device = environment.get("device", "cpu")
    if device != "cpu":
        return device
    threads = max((blas.get("num_threads") or 1 for blas in environment.get("blas", [])), default=1)
    return f"{environment.get('processor')}, {threads} BLAS threads"
