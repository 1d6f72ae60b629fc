"""The command line: each command and its options."""

import argparse
import errno
import io
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import NoReturn

from experiments import commands
from experiments.arguments import LATER, ROUNDS, add, add_out, add_sweep, natural, positive
from experiments.system.interruption import interruptible
from experiments.system.lock import LOCKED, LockedError
from experiments.system.paths import PROGRAM, given
from experiments.system.storage import StorageError
from grustab.errors import GrustabError
from grustab.text import printable


class Parser(argparse.ArgumentParser):
    """A parser that says where CONFIG has to stand, whatever the words look like."""

    def error(self, message: str) -> NoReturn:
        """End with exit code 2."""
        if message.endswith(": CONFIG"):
            message += " (before --set, which takes all words up to the next option)"
        super().error(printable(message))


DESCRIPTION = (
    'Reproduce the tables of "Preventing Gradient Explosions in Gated Recurrent Units" (NIPS 2017).'
)
EXIT_CODES = {StorageError: 3, LockedError: LOCKED}
RUNNING = (commands.run_command, commands.sweep_command, commands.reproduce_command)
DISK_TROUBLE = {errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command, by default that of the process's command line.

    Returns:
        Exit code: 0; 1 if runs of a sweep failed; 2 for input that cannot be used; 3 where the
        disk does not take a file; 75 if another process has the run; 130 after an interruption.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a terminal that has no δ
    options = _parser().parse_args(arguments)
    try:
        with interruptible():
            code = options.command(options) or 0
        if options.command is not commands.run_command:  # whose result is there in any case
            print(end="", flush=True)
        return code
    except GrustabError as error:
        _tell(f"error: {printable(str(error))}")
        return EXIT_CODES.get(type(error), 2)
    except KeyboardInterrupt:
        goes_on = options.command is commands.run_command
        _tell("interrupted" + "; the same command goes on" * goes_on)
        return 130
    except BrokenPipeError:  # `... | head`
        return 1 if options.command in RUNNING else 0
    except MemoryError as error:
        wanted = f" ({printable(str(error), 200)})" if str(error) else ""
        _tell(
            f"error: there is not enough memory for a model or batch of this size{wanted}, "
            "expected smaller units, layers, batch_size, bptt_steps or eval_batch_size"
        )
        return 2
    except OSError as error:
        full = error.errno in DISK_TROUBLE
        where = error.filename or ("standard output cannot be written" if full else "the system")
        _tell(f"error: {printable(f'{where}: {error.strerror or error}')}")
        return 3 if full else 2
    finally:
        _flush()


def _tell(text: str) -> None:
    """Say why it ended, if the disk that the log is on takes it: the exit code says it, too."""
    with suppress(OSError):
        print(text, file=sys.stderr)


def _flush() -> None:
    """Drop output that nobody reads; else the interpreter complains when it ends."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except OSError:
        sys.stdout = None


def _parser() -> argparse.ArgumentParser:
    parser = Parser(prog=PROGRAM, description=DESCRIPTION)
    subparsers = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, summary: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(name, help=summary, description=summary)
        sub.set_defaults(command=getattr(commands, f"{name}_command"))
        return sub

    sub = command("list", "Tables and cells: published value, runs done, estimated cost.")
    add(sub, "config", nargs="?", help="one config; default: all")
    add(sub, "--cells", "--set")
    add_out(sub, "folder of the results")
    add(sub, "--seeds")

    sub = command("run", "Run one cell with one seed and write its result.json.")
    add(sub, "config")
    sub.add_argument(
        "--cell", required=True, metavar="CELL", help="such as sgd/projection_0.2; see list"
    )
    sub.add_argument("--seed", type=natural, default=0, metavar="S", help="default: 0")
    add(sub, "--device", "--set", "--max-iterations", "--snapshot-interval")
    add_out(sub, "folder the result goes to")
    add(sub, "--force", help="begin anew even where a finished result or a snapshot is there")
    sub.add_argument("--stop-with-parent", action="store_true", help=argparse.SUPPRESS)
    sub.add_argument("--planned", help=argparse.SUPPRESS)  # the hash of the conditions

    sub = command("sweep", "Do all runs that have no finished result yet.")
    add_sweep(sub)
    how = sub.add_mutually_exclusive_group()
    add(how, "--dry-run")
    how.add_argument(
        "--emit-slurm",
        action="store_true",
        help="only print a job array for Slurm that does the runs",
    )

    sub = command(
        "reproduce", "What scripts/reproduce.sh does: all runs that are missing, then the table."
    )
    add_sweep(sub)
    add(sub, "--dry-run")
    sub.add_argument("--figures", action="store_true", help="draw the figures, too")
    # The default is how to tell what a person has given.
    sub.set_defaults(emit_slurm=False, default=sub.get_default)

    sub = command("time", "Section D: what an iteration costs, all cells taking turns.")
    add(sub, "config", nargs="?", default="timing", help="default: timing")
    add(sub, "--device")
    add(sub, "--rounds", default=ROUNDS, help=f"iterations per cell and point; default: {ROUNDS}")
    later = f"iteration of training to measure at, too; default: {LATER}, two epochs"
    add(sub, "--later", default=LATER, help=later)
    add(sub, "--set")
    add_out(sub, "folder the measurement goes to")
    add(sub, "--force")

    sub = command("bench", "Our iteration beside stock Chainer's and PyTorch's.")
    add(sub, "--device")
    add(sub, "--rounds", default=12, help="default: 12")
    sub.add_argument(
        "--no-scaling", dest="scaling", action="store_false", help="only the paper's sizes"
    )
    add_out(sub, "folder the measurement goes to")
    add(sub, "--force")

    sub = command(
        "explosion",
        "Why SGD with P_delta explodes: the gradient of committed snapshots, taken apart.",
    )
    sub.add_argument(
        "snapshots",
        nargs="*",
        type=given,
        metavar="SNAPSHOT",
        help="file of one update; default: results/explosion/*.npz",
    )
    sub.add_argument(
        "--train",
        type=positive,
        metavar="N",
        help="train the first snapshot's cell for N updates, too (12000: some 45 minutes)",
    )
    add_out(sub, "folder of the results; the measurement goes to its folder explosion/")
    add(sub, "--force")

    sub = command("table", "Print and write a table: ours beside the published numbers.")
    words = "name of a config, or a .yaml file; default: each in turn"
    add(sub, "config", nargs="?", help=words)
    add(sub, "--cells", "--set")
    add_out(sub, "folder of the results; the table is written there, too")

    sub = command("claims", "The paper's claims, held against the results.")
    add(sub, "config", nargs="*", help="your own, whose published values are judged, too")
    add_out(sub, "folder of the results; claims.md is written there, too")

    sub = command("identify", "Which reading of the music conditions shows the signs of Table 3.")
    add_out(sub, "folder of the results; identify_music/signs.md is written there, too")

    sub = command(
        "report", "All tables and figures on one page, and the results in the front page."
    )
    add(sub, "config", nargs="*", help="your own, to be on the page, too")
    add_out(sub, "folder of the results and of both pages; the front page stays as it is")

    sub = command("figures", "Draw the figures from the results.")
    add(sub, "config", nargs="?", help="one config; default: all")
    add_out(
        sub, "folder of the results; figures go to its figures/, the benchmark's table to bench/"
    )
    return parser
