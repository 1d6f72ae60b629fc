"""Links: layers with parameters."""

from grustab.links.embed_id import EmbedID
from grustab.links.gru import GRU
from grustab.links.stacked_gru import StackedGRU

__all__ = ["GRU", "EmbedID", "StackedGRU"]
