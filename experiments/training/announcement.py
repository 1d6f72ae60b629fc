"""What a run says to the person who started it."""

from typing import Any

from experiments.estimates import estimate, human_time, iterations_an_epoch
from experiments.results.measures import environments, perplexity
from experiments.results.run_spec import RunSpec
from experiments.results.success import succeeded
from experiments.system.console import print_safely
from experiments.system.environment import other_environment
from experiments.system.paths import shown


def announce(spec: RunSpec, device_name: str) -> None:
    """Say what a run will do and cost."""
    cell, c = spec.cell, spec.cell.conditions
    cost = estimate(cell, spec.max_iterations)
    protection = {"delta": c.delta, "threshold": c.threshold}
    given = "".join(f" {key} {value:g}" for key, value in protection.items() if value is not None)
    length = iterations_an_epoch(c)
    size = f"at most {_number(c.epochs, 'epoch')}"
    if cost.epochs:
        size += f" (ours: {cost.epochs})"
    if length:
        size += f", each of about {_number(length, 'iteration')}"
    if spec.max_iterations:
        size += f"; will stop after {_number(spec.max_iterations, 'iteration')}"
    seconds = cost.as_ours if device_name == "cpu" else None
    print_safely(
        f"{cell.config} {cell.name}, seed {spec.seed}, on {device_name}\n"
        f"  {c.task}, {c.dataset}: {c.layers} x {c.units} units, {c.optimizer} "
        f"{c.learning_rate:g}, {c.method}{given}\n"
        f"  {size}; rough estimate: {human_time(seconds)}\n"
        f"  result: {shown(spec.result_file)}"
    )


def summary(result: dict[str, Any]) -> str:
    """One paragraph on how a run ended."""
    limit = result["stopped_by"] if result["stopped_by"].startswith("--") else None
    lines = [
        result["status"]
        + (f" by {limit}" if limit else "")
        + f" after {_number(result['iterations'], 'iteration')} (epoch {result['epochs']:.2f}), "
        + human_time(result["seconds"]["total"])
    ]
    if result["divergence"]:
        lines.append(f"  {result['divergence']['message']}")
    best, task = result["best"], result["conditions"]["task"]
    if best:
        lines.append(
            f"  best validation {score(task, best['validation_loss'])}, test "
            f"{score(task, best['test_loss'])} at epoch {best['epoch']:.2f}; "
            f"a unigram predictor: {score(task, result['unigram_validation_loss'])}"
        )
    success = succeeded(result)
    if success is not None:
        lines.append(f"  success: {'yes' if success else 'no'}")
    return "\n".join(lines)


def compare_weights(result: dict[str, Any], ours: dict[str, Any]) -> str | None:
    """Whether a run ended with the weights of the one in ``results/``; if not, what may be why.

    ``None`` where an old result of ours does not say.
    """
    if "weights_sha256" not in ours:
        return None
    if result["weights_sha256"] == ours["weights_sha256"]:
        return "  weights: equal to the repository's, to the bit"
    both = environments(ours), environments(result)
    # Another commit seldom changes weights: it is named where nothing else is known.
    apart = [[e | {"git": {"commit": None}} for e in sessions] for sessions in both]
    names = "the repository's had", "this run has"
    why = other_environment(*apart, *names) or other_environment(*both, *names)
    return f"  weights: not equal to the repository's ({why or 'no difference known'})"


def _number(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def score(task: str, loss: float | None) -> str:
    """The loss as tables give it: perplexity for language, nats per step (assumed) for music."""
    if loss is None:
        return "not finite"
    if task == "language":
        return f"perplexity {perplexity(loss):.4g}"
    return f"loss {loss:.4g}"
