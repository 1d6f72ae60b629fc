"""Links: layers with parameters."""

from grustab.links.gru import GRU
from grustab.links.stacked_gru import StackedGRU

__all__ = ["GRU", "StackedGRU"]
