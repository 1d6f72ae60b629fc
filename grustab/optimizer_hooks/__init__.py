"""Optimizer hooks. Clipping is Chainer's own: GradientClipping and GradientHardClipping."""

from grustab.optimizer_hooks.gradient_monitor import GradientMonitor

__all__ = ["GradientMonitor"]
