"""Download the data sets into a folder; ``scripts/fetch_data.sh`` runs this."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from grustab.datasets.download import default_folder, download, given
from grustab.datasets.nottingham import NOTTINGHAM_MAT, NOTTINGHAM_PICKLE
from grustab.datasets.ptb import PTB_FILES
from grustab.errors import DataError
from grustab.text import printable

FILES = (*PTB_FILES, NOTTINGHAM_MAT, NOTTINGHAM_PICKLE)
"""Every file that the package can download."""

DEFAULT_DATASETS = ("ptb", "nottingham")
"""What is downloaded unless told otherwise: all that the experiments read."""


def fetch_all(directory: Path, names: Sequence[str] = DEFAULT_DATASETS) -> None:
    """Download data sets into a folder and say on standard output what is done.

    Files that are there already are checked and kept.

    Args:
        directory: The folder, made if it is missing.
        names: Data sets, ``"ptb"``, ``"nottingham"`` or ``"nottingham-pickle"``.

    Raises:
        DataError: If a name is unknown or a file cannot be downloaded or stored.
    """
    known = {file.dataset for file in FILES}
    for name in names:
        if name not in known:
            raise DataError(
                f"no data set is called {name!r}, choose from {', '.join(sorted(known))}"
            )
    files = [file for file in FILES if file.dataset in names]
    missing = [file for file in files if not (directory / file.name).is_file()]
    listed = ", ".join(
        f"{file.name} ({f'{file.size / 1e6:.1f} MB' if file.size else 'size unknown'})"
        for file in missing
    )
    folder = printable(str(directory))
    print(f"To download into {folder}: {listed or 'nothing'}", flush=True)
    for file in files:
        download(file, directory)
    print(f"All there: {', '.join(file.name for file in files)}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 2 after an error, 130 if interrupted."""
    parser = argparse.ArgumentParser(prog="fetch_data.sh", description=fetch_all.__doc__)
    parser.add_argument("--dir", type=given)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args(arguments)
    try:
        fetch_all(options.dir or default_folder(), options.names or DEFAULT_DATASETS)
    except DataError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; start it again and it goes on from here.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
