"""Links: the GRU of the paper, one layer and several."""

from grustab.links.gru import GRU
from grustab.links.stacked_gru import StackedGRU

__all__ = ["GRU", "StackedGRU"]
