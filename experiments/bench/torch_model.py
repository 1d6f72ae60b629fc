"""The iteration in PyTorch, where that is installed."""

from collections.abc import Callable
from typing import Any

from experiments.bench.workload import DROPOUT, INPUT_SCALE, LEARNING_RATE, THRESHOLD, Workload


def pytorch(w: Workload, device_name: str) -> Callable[[Any, Any], float]:
    """An iteration with ``torch.nn.GRU``; the function takes a batch and returns its loss.

    ``nn.GRU`` has other equations (biases, reset gate after the product), at the same cost.
    """
    import torch
    from torch import nn

    torch.manual_seed(0)
    device = torch.device("cpu" if device_name == "cpu" else f"cuda:{device_name}")
    language = w.task == "language"
    first = nn.Embedding(w.symbols, w.units) if language else nn.Linear(w.symbols, w.units, False)
    gru = nn.GRU(w.units, w.units, w.layers, dropout=DROPOUT if w.layers > 1 else 0)
    output = nn.Linear(w.units, w.symbols)
    drop = nn.Dropout(DROPOUT)
    model = nn.ModuleList([first, gru, output, drop]).to(device)
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)
    state = None

    def iterate(xs: Any, ts: Any) -> float:
        nonlocal state
        x, t = (torch.from_numpy(a).to(device) for a in (xs, ts))
        h, state = gru(drop(first(x) * INPUT_SCALE), state)
        state = state.detach()
        y = output(drop(h)).flatten(0, 1)
        if language:
            total = nn.functional.cross_entropy(y, t.flatten().long(), reduction="sum")
        else:
            target = t.flatten(0, 1)
            total = nn.functional.binary_cross_entropy_with_logits(y, target, reduction="sum")
        value = float(total.detach())
        optimizer.zero_grad()
        (total / w.batch).backward()
        nn.utils.clip_grad_norm_(model.parameters(), THRESHOLD[w.task])
        optimizer.step()
        return value / (w.steps * w.batch)

    return iterate
