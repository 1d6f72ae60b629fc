"""The iteration in PyTorch, where that is installed: with ``nn.GRU``, and with our equations."""

from collections.abc import Callable
from typing import Any

import torch
from torch import nn

from experiments.bench.workload import DROPOUT, INPUT_SCALE, LEARNING_RATE, THRESHOLD, Workload

# As `find_device` has it for CuPy.
torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False


@torch.jit.script
def _steps(xs: torch.Tensor, h: torch.Tensor, w_x: torch.Tensor, w_h: torch.Tensor) -> torch.Tensor:
    n = h.shape[1]
    w_gates, w_candidate = w_h[: 2 * n].t(), w_h[2 * n :].t()
    gates, candidates = torch.matmul(xs, w_x.t()).split([2 * n, n], 2)
    hs: list[torch.Tensor] = []
    for gate, candidate in zip(gates.unbind(0), candidates.unbind(0)):
        z, r = torch.sigmoid(torch.addmm(gate, h, w_gates)).chunk(2, 1)
        candidate = torch.tanh(torch.addmm(candidate, r * h, w_candidate))
        h = candidate + z * (h - candidate)
        hs.append(h)
    return torch.stack(hs)


class ScriptedGRU(nn.Module):
    """Layers with eqs. (1)-(4) of the supplement, in place of ``nn.GRU``: a scripted step loop."""

    def __init__(self, in_size: int, units: int, layers: int, dropout: float) -> None:
        super().__init__()
        sizes = [in_size] + [units] * (layers - 1)
        start = units**-0.5
        self.W_x = nn.ParameterList(start * torch.randn(3 * units, size) for size in sizes)
        self.W_h = nn.ParameterList(start * torch.randn(3 * units, units) for _ in sizes)
        self.drop = nn.Dropout(dropout)

    def forward(self, xs: Any, state: Any) -> tuple[torch.Tensor, torch.Tensor]:
        """Sequence (T, B, in_size), states (L, B, units): all states of the last layer, and new."""
        last = []
        for layer, (w_x, w_h) in enumerate(zip(self.W_x, self.W_h, strict=True)):
            xs = self.drop(xs) if layer else xs
            h = xs.new_zeros(xs.shape[1], w_h.shape[1]) if state is None else state[layer]
            xs = _steps(xs, h, w_x, w_h)
            last.append(xs[-1])
        return xs, torch.stack(last)


#: ``nn.GRU`` has other equations (biases, reset gate after the product), so that its three
#: recurrent products are one; ours need two, one after the other.
GRUS = {"pytorch": nn.GRU, "scripted": ScriptedGRU}


class Model(nn.Module):
    """The paper's model around the GRU of that name, with weights of its own."""

    def __init__(self, name: str, w: Workload) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.language = w.task == "language"
        sizes = (w.symbols, w.units)
        self.input = nn.Embedding(*sizes) if self.language else nn.Linear(*sizes, bias=False)
        self.gru = GRUS[name](w.units, w.units, w.layers, dropout=DROPOUT if w.layers > 1 else 0)
        self.output = nn.Linear(w.units, w.symbols)
        self.drop = nn.Dropout(DROPOUT)
        self.state = None

    def forward(self, xs: torch.Tensor, ts: torch.Tensor) -> torch.Tensor:
        """Summed negative log-likelihood of a batch."""
        h, state = self.gru(self.drop(self.input(xs) * INPUT_SCALE), self.state)
        self.state = state.detach()
        y = self.output(self.drop(h)).flatten(0, 1)
        ts = ts.flatten(0, 1)
        if self.language:
            return nn.functional.cross_entropy(y, ts.long(), reduction="sum")
        return nn.functional.binary_cross_entropy_with_logits(y, ts, reduction="sum")


def iteration(model: Model, w: Workload) -> Callable[[Any, Any], torch.Tensor]:
    """An iteration; the function takes a batch, returns its loss per sequence, does not wait."""
    optimizer = torch.optim.SGD(model.parameters(), LEARNING_RATE)

    def iterate(xs: Any, ts: Any) -> torch.Tensor:
        loss = model(xs, ts) / w.batch
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), THRESHOLD[w.task])
        optimizer.step()
        return loss.detach()

    return iterate
