"""What each command does. Imports wait until one is chosen: --help and mistakes answer at once."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from grustab.text import printable

if TYPE_CHECKING:
    from experiments.config.load import Config


def _out(options: argparse.Namespace, reading: bool = False) -> Path:
    from experiments.config.schema import ConfigError
    from experiments.system.paths import RESULTS, RUNS

    if options.out is None:
        return RESULTS
    if options.out.resolve() == RUNS.resolve():
        raise ConfigError(
            "--out runs: the runs of results/ keep their snapshots there, expected another folder "
            "such as runs/trial"
        )
    if reading and not options.out.is_dir():  # else it would be made, for a table without results
        raise ConfigError(f"--out {printable(str(options.out))}: expected a folder of results")
    return options.out


def _chosen(options: argparse.Namespace) -> "list[Config]":
    """The config asked for, or each that has such a cell."""
    from experiments.config.load import config_names, load_config
    from experiments.config.schema import ConfigError

    if options.config:
        return [load_config(options.config)]
    configs = [c for c in map(load_config, config_names()) if c.matching(options.cells)]
    if not configs:
        raise ConfigError(f"no config has a cell {options.cells!r}")
    return configs


def list_command(options: argparse.Namespace) -> None:
    """Cells, what is done, what the rest would cost."""
    from experiments.reports.listing import list_config

    for config in _chosen(options):
        cells = [cell.override(options.set) for cell in config.select(options.cells)]
        seeds = range(config.runs) if options.seeds is None else list(dict.fromkeys(options.seeds))
        print(list_config(config, cells, seeds, _out(options)))


def run_command(options: argparse.Namespace) -> None:
    """One run."""
    from experiments.config.load import load_config
    from experiments.config.schema import ConfigError
    from experiments.results.run_spec import RunSpec
    from experiments.training.run_cell import run_cell

    cell = load_config(options.config).cell(options.cell).override(options.set)
    if options.planned not in (None, cell.conditions.digest()):
        raise ConfigError(
            f"config {cell.file}: the conditions of cell {cell.name!r} have changed since this "
            "run was planned, undo the change, or start the sweep again to run the new ones"
        )
    spec = RunSpec(cell, options.seed, _out(options), options.max_iterations)
    run_cell(
        spec, options.device, options.force, options.snapshot_interval, options.stop_with_parent
    )


def sweep_command(options: argparse.Namespace) -> int:
    """Many runs."""
    from experiments.sweep.sweep import sweep

    return sweep(options, _out(options))


def reproduce_command(options: argparse.Namespace) -> int:
    """What a table needs, then the table."""
    from experiments.config.load import load_config
    from experiments.config.schema import ConfigError

    code, config = 0, load_config(options.config)
    if config.report == "seconds_per_iteration":
        _time(options)
    else:
        code = sweep_command(options)
    if options.dry_run:
        return code
    if load_config(options.config) != config:
        raise ConfigError(
            f"config {config.file} has been edited since the runs were planned, so there is no "
            "table of them: undo that, or start again to run the new conditions"
        )
    table_command(options)  # if some runs failed: of the others
    if options.figures:
        figures_command(options)
    return code


def _time(options: argparse.Namespace) -> None:
    """Section D, with the options of ``reproduce``."""
    from experiments.arguments import LATER, ROUNDS
    from experiments.config.schema import ConfigError

    for key in ("cells", "seeds", "jobs", "jobs_per_device", "scheduler", "max_iterations",
                "snapshot_interval"):  # fmt: skip
        if getattr(options, key) != options.default(key):
            raise ConfigError(
                f"--{key.replace('_', '-')}: config {options.config} reports times, so it takes "
                "only --device, --set, --out, --figures and --dry-run"
            )
    if len(options.device) > 1:
        raise ConfigError("--device: expected one device, as all cells take turns in one process")
    if options.dry_run:
        return list_command(options)
    return _measure(options, options.device[0], ROUNDS, LATER, False)


def time_command(options: argparse.Namespace) -> None:
    """Section D, and its table."""
    _measure(options, options.device, options.rounds, options.later, options.force)
    table_command(argparse.Namespace(**vars(options), cells="*"))


def _measure(
    options: argparse.Namespace, device: str, rounds: int, later: int, force: bool
) -> None:
    from experiments.config.load import load_config
    from experiments.timing.measure import time_config

    config, out = load_config(options.config), _out(options)
    time_config(config, options.set, device, rounds, later, out, force)


def bench_command(options: argparse.Namespace) -> None:
    """The benchmark."""
    from experiments.bench.measure import run_bench

    run_bench(options.device, options.rounds, options.scaling, _out(options), options.force)


def explosion_command(options: argparse.Namespace) -> None:
    """The explosion, taken apart."""
    from experiments.explosion.study import run_explosion
    from experiments.figures.draw import draw_explosion

    run_explosion(options.snapshots, options.train, _out(options), options.force)
    draw_explosion(_out(options))


def table_command(options: argparse.Namespace) -> None:
    """Ours beside the published numbers."""
    from experiments.reports.table import write_table

    for config in _chosen(options):
        write_table(config, options.cells, options.set, _out(options, reading=True))


def claims_command(options: argparse.Namespace) -> None:
    """The paper's claims."""
    from experiments.reports.claims_text import format_claims

    out = _out(options, reading=True)
    _publish(format_claims(out, options.config), out / "claims.md")


def identify_command(options: argparse.Namespace) -> None:
    """The readings of the music conditions."""
    from experiments.reports.identification import STUDY, format_identification

    out = _out(options, reading=True)
    _publish(format_identification(out), out / STUDY / "signs.md")


def _publish(text: str, path: Path) -> None:
    from experiments.system.storage import write_text

    print(text)
    write_text(path, text)


def report_command(options: argparse.Namespace) -> None:
    """The page with everything, and the front page's results."""
    from experiments.reports.page import write_report
    from experiments.reports.readme import write_readme

    write_report(_out(options, reading=True), options.config)
    if options.out is None:
        write_readme()


def figures_command(options: argparse.Namespace) -> None:
    """All figures."""
    from experiments.bench.report import write_report
    from experiments.config.load import config_names
    from experiments.figures.draw import draw_bench, draw_explosion, draw_figures

    out = _out(options, reading=True)
    draw_figures([options.config] if options.config else config_names(), out)
    if not options.config:
        draw_bench(out)
        draw_explosion(out)
        write_report(out)
