"""Find data of one's own, and its hash."""

from pathlib import Path
from typing import Any

from experiments.config.conditions import OWN
from experiments.config.schema import ConfigError
from experiments.system.paths import given
from grustab.errors import DataError


def with_data(where: str, settings: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The settings, the path in full and the data's hash set where the data is one's own.

    A relative path is relative to ``folder``; ``where`` begins a complaint.

    Raises:
        ConfigError: If a file is missing or cannot be read, or the data is not that of the hash
            that the settings have.
    """
    kind, path, expected = (settings.get(key) for key in ("dataset", "path", "data_sha256"))
    if kind not in OWN or not isinstance(path, str):
        return settings
    from grustab.datasets.own import data_sha256  # here: it takes longer than reading a config

    try:
        full = (folder / given(path)).resolve()
        found = data_sha256(kind, full)
    except DataError as error:
        raise ConfigError(f"{where}: key 'path': {error}") from None
    except ValueError:  # what no file can be called
        raise ConfigError(f"{where}: key 'path': expected a path, got {path!a}") from None
    if expected not in (None, found):
        raise ConfigError(
            f"{where}: {full} has the SHA-256 {found}, not that of key 'data_sha256', {expected!r}"
        )
    return {**settings, "path": str(full), "data_sha256": found}
