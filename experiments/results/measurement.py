"""Reading the files of ``time`` and ``bench`` with care."""

import json
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from experiments.results.store import ResultError
from experiments.system.paths import shown

Model = TypeVar("Model", bound=BaseModel)


class Blas(BaseModel):
    """A library of matrix products."""

    model_config = ConfigDict(strict=True)
    num_threads: int | None = None


class Machine(BaseModel):
    """What was measured on, as far as it is told with the numbers."""

    model_config = ConfigDict(strict=True)
    device: str = "cpu"
    processor: str | None = None
    blas: list[Blas] = []
    packages: dict[str, str] = {}
    torch: str | None = None

    @property
    def name(self) -> str:
        """The device, or the processor and its BLAS threads."""
        if self.device != "cpu":
            return self.device
        threads = max((blas.num_threads or 1 for blas in self.blas), default=1)
        return f"{self.processor}, {threads} BLAS threads"


def read_measurement(path: Path, model: type[Model]) -> Model:
    """A measurement's file, validated.

    Raises:
        FileNotFoundError: If there is none.
        ResultError: If the file cannot be read or is not one of ours.
    """
    try:
        return model.model_validate(json.loads(path.read_text(encoding="utf-8")))
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
