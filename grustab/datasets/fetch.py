"""Download the data sets into a folder; ``scripts/fetch_data.sh`` runs this."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from grustab.datasets.download import RemoteFile, default_folder, download
from grustab.datasets.nottingham import NOTTINGHAM_MAT
from grustab.datasets.ptb import PTB_FILES
from grustab.errors import DataError
from grustab.text import printable


def _beside_nottingham(dataset: str, name: str, size: int, sha256: str) -> RemoteFile:
    url = NOTTINGHAM_MAT.urls[0].replace(NOTTINGHAM_MAT.name, name)
    return RemoteFile(dataset, name, (url,), size, sha256)


FILES = (
    *PTB_FILES,
    NOTTINGHAM_MAT,
    _beside_nottingham(
        *("jsb", "JSB_Chorales.mat", 96_095),
        "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4",
    ),
    _beside_nottingham(
        *("musedata", "MuseData.mat", 947_219),
        "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff",
    ),
    _beside_nottingham(
        *("piano-midi", "Piano_midi.mat", 223_732),
        "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34",
    ),
)
"""Every file that the package can download."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and give its exit code: 0, 2 after an error, 130 if interrupted."""
    parser = argparse.ArgumentParser(prog="scripts/fetch_data.sh")
    parser.add_argument("--dir", type=os.path.expanduser)
    parser.add_argument("names", nargs="*", metavar="NAME")
    options = parser.parse_args(arguments)
    try:
        if options.dir == "":  # of an unset variable
            raise DataError("--dir: expected a folder, got ''")
        # By default all that the experiments read.
        folder = default_folder() if options.dir is None else Path(options.dir)
        _fetch(options.names or ("ptb", "nottingham"), folder)
    except DataError as error:
        print(f"error: {printable(str(error))}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Interrupted; start it again, it keeps the files that are there.", file=sys.stderr)
        return 130
    return 0


def _fetch(names: Sequence[str], folder: Path) -> None:
    known = {file.dataset for file in FILES}
    for name in names:
        if name not in known:
            raise DataError(
                f"no data set is called {name!r}, choose from {', '.join(sorted(known))}"
            )
    files = [file for file in FILES if file.dataset in names]
    listed = ", ".join(
        f"{file.name} ({file.size / 1e6:.1f} MB)"
        for file in files
        if not os.path.isfile(folder / file.name)
    )
    print(f"To download into {printable(str(folder))}: {listed or 'nothing'}", flush=True)
    for file in files:
        download(file, folder)
    print(f"All there: {', '.join(file.name for file in files)}")


if __name__ == "__main__":
    sys.exit(main())
