"""Hooks that act on gradients before the optimizer's step."""

from grustab.optimizer_hooks.gradient_clipping import GradientClipping
from grustab.optimizer_hooks.gradient_monitor import GradientMonitor

__all__ = ["GradientClipping", "GradientMonitor"]
