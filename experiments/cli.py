"""Command line: list, run, time, bench, table, figures."""

import argparse
import errno
import io
import math
import sys
from collections.abc import Sequence
from pathlib import Path

from experiments.files import StorageError
from experiments.lock import LockedError
from grustab.errors import GrustabError

DESCRIPTION = """\
Reproduce the tables of "Preventing Gradient Explosions in Gated Recurrent Units" (NIPS 2017).
"""


EXIT_CODES = {StorageError: 3, LockedError: 75}
DISK_TROUBLE = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: Words of the command line; ``None`` takes those of the process.

    Returns:
        Exit code: 0; 1 if runs of a sweep failed; 2 for input that cannot be used; 3 where the
        disk does not take a file; 75 if another process has the run; 130 after an interruption.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no δ
    options = _parser().parse_args(arguments)
    try:
        return options.command(options) or 0
    except GrustabError as error:
        print(f"error: {error}", file=sys.stderr)
        return EXIT_CODES.get(type(error), 2)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # `... | head`
        sys.stdout = None  # or the interpreter complains when it flushes it at its end
        return 1 if options.command is _run else 0
    except MemoryError:
        print(
            "error: there is not enough memory for a model or batch of this size", file=sys.stderr
        )
        return 2
    except OSError as error:
        print(f"error: {error.filename}: {error.strerror}", file=sys.stderr)
        return 3 if error.errno in DISK_TROUBLE else 2


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m experiments", description=DESCRIPTION)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, action, summary: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=action)
        return sub

    sub = command("list", _list, "Tables and cells: published value, runs done, estimated cost.")
    sub.add_argument("config", nargs="?", metavar="CONFIG", help="one config; default: all")
    _add_cells(sub)
    _add_set(sub)
    _add_out(sub, "folder of the results")
    sub.add_argument(
        "--seeds",
        type=_seeds,
        metavar="SEEDS",
        help="such as 0 or 0,2 or 0-9; default: as many as the config says",
    )
    sub.add_argument(
        "--plan", action="store_true", help="print only 'cell seed' lines, in the order to run them"
    )

    sub = command("run", _run, "Run one cell with one seed and write its result.json.")
    sub.add_argument("config", metavar="CONFIG", help="name of a config, or a .yaml file")
    sub.add_argument(
        "--cell", required=True, metavar="CELL", help="such as sgd/projection_0.2; see list"
    )
    sub.add_argument("--seed", type=_natural, default=0, metavar="S", help="default: 0")
    sub.add_argument("--device", default="cpu", metavar="D", help="cpu (default), 0, 1, ...")
    _add_set(sub)
    sub.add_argument(
        "--max-iterations",
        type=_positive,
        metavar="N",
        help="stop there; the result counts as partial",
    )
    _add_out(sub, "folder the result goes to")
    sub.add_argument(
        "--force",
        action="store_true",
        help="begin anew even where a finished result or a snapshot is there",
    )
    sub.add_argument(
        "--snapshot-interval",
        type=_seconds,
        default=600.0,
        metavar="SECONDS",
        help="time between two snapshots; default: 600",
    )

    sub = command("time", _time, "Section D: what an iteration costs, all cells taking turns.")
    sub.add_argument(
        "config", nargs="?", default="timing", metavar="CONFIG", help="default: timing"
    )
    sub.add_argument("--device", default="cpu", metavar="D", help="cpu (default), 0, 1, ...")
    sub.add_argument(
        "--rounds", type=_positive, default=40, metavar="N", help="iterations a cell; default: 40"
    )
    sub.add_argument(
        "--later",
        type=_positive,
        default=2654,
        metavar="N",
        help="iteration of training to measure at, too; default: 2654, two epochs",
    )
    _add_set(sub)
    _add_out(sub, "folder the measurement goes to")
    sub.add_argument("--force", action="store_true", help="measure again where that was done")

    sub = command("bench", _bench, "Our iteration beside stock Chainer's and PyTorch's.")
    sub.add_argument("--device", default="cpu", metavar="D", help="cpu (default), 0, 1, ...")
    sub.add_argument("--rounds", type=_positive, default=12, metavar="N", help="default: 12")
    sub.add_argument(
        "--no-scaling", dest="scaling", action="store_false", help="only the paper's sizes"
    )
    _add_out(sub, "folder the measurement goes to")
    sub.add_argument("--force", action="store_true", help="measure again where that was done")

    sub = command("table", _table, "Print and write a table: ours beside the published numbers.")
    sub.add_argument("config", metavar="CONFIG", help="name of a config, or a .yaml file")
    _add_cells(sub)
    _add_set(sub)
    _add_out(sub, "folder of the results; the table is written there, too")

    sub = command("figures", _figures, "Draw the figures from the results.")
    sub.add_argument("config", nargs="?", metavar="CONFIG", help="one config; default: all")
    _add_out(sub, "folder of the results; the figures go to its folder figures/")
    return parser


def _add_set(sub: argparse.ArgumentParser) -> None:
    sub.add_argument(
        "--set",
        action="extend",
        nargs="+",
        default=[],
        metavar="key=value",
        help="replace settings of the config, such as epochs=2; the results are stored under a "
        "name of their own and never compared with the published numbers",
    )


def _add_cells(sub: argparse.ArgumentParser) -> None:
    sub.add_argument("--cells", default="*", metavar="GLOB", help="such as 'sgd/*'; default: all")


def _add_out(sub: argparse.ArgumentParser, text: str) -> None:
    sub.add_argument("--out", type=Path, metavar="DIR", help=f"{text}; default: results/")


def _seeds(text: str) -> list[int]:
    seeds: list[int] = []
    for part in text.split(","):
        first, dash, last = part.partition("-")
        low, high = _natural(first), _natural(last if dash else first)
        if not low <= high < low + 1000:
            raise argparse.ArgumentTypeError(f"expected up to 1000 seeds such as 0-9, got {part!r}")
        seeds += range(low, high + 1)
    return seeds


def _natural(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or int(text) >= 2**32:
        raise argparse.ArgumentTypeError(f"expected an integer from 0 to 2^32 - 1, got {text!r}")
    return int(text)


def _positive(text: str) -> int:
    if not (text.isascii() and text.isdigit()) or not int(text):
        raise argparse.ArgumentTypeError(f"expected a positive integer, got {text!r}")
    return int(text)


def _seconds(text: str) -> float:
    try:
        seconds = float(text)
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < math.inf:
        raise argparse.ArgumentTypeError(f"expected a number of seconds, got {text!r}")
    return seconds


# Imports wait until a command is chosen: --help and mistakes answer at once.


def _out(options: argparse.Namespace) -> Path:
    from experiments.paths import RESULTS

    return options.out or RESULTS


def _list(options: argparse.Namespace) -> None:
    from experiments.config import ConfigError, config_names, load_config
    from experiments.listing import list_config

    if options.config:
        configs = [load_config(options.config)]
    else:
        configs = [c for c in map(load_config, config_names()) if c.matching(options.cells)]
        if not configs:
            raise ConfigError(f"no config has a cell {options.cells!r}")
    for config in configs:
        cells = [cell.override(options.set) for cell in config.select(options.cells)]
        seeds = options.seeds or range(config.runs)
        if options.plan:
            print("\n".join(f"{cell.name} {seed}" for seed in seeds for cell in cells))
        else:
            print(list_config(config, cells, seeds, _out(options)))


def _run(options: argparse.Namespace) -> None:
    from experiments.config import load_config
    from experiments.run_cell import run_cell

    cell = load_config(options.config).cell(options.cell).override(options.set)
    run_cell(
        cell,
        options.seed,
        options.device,
        options.max_iterations,
        _out(options),
        options.force,
        options.snapshot_interval,
    )


def _time(options: argparse.Namespace) -> None:
    from experiments.config import load_config
    from experiments.timing import time_config

    time_config(
        load_config(options.config),
        options.set,
        options.device,
        options.rounds,
        options.later,
        _out(options),
        options.force,
    )


def _bench(options: argparse.Namespace) -> None:
    from experiments.bench.driver import run_bench

    run_bench(options.device, options.rounds, options.scaling, _out(options), options.force)


def _table(options: argparse.Namespace) -> None:
    from experiments.config import load_config
    from experiments.table import write_table

    write_table(load_config(options.config), options.cells, options.set, _out(options))


def _figures(options: argparse.Namespace) -> None:
    from experiments.bench.report import write_report
    from experiments.config import config_names
    from experiments.figures import draw_bench, draw_figures

    draw_figures([options.config] if options.config else config_names(), _out(options))
    if not options.config:
        draw_bench(_out(options))
        write_report(_out(options))
