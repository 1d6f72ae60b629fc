"""Trainer extensions: the projection P_delta, monitors, evaluation, schedules."""

from grustab.extensions.lyapunov_monitor import LyapunovMonitor
from grustab.extensions.plateau_decay import PlateauDecay
from grustab.extensions.rate_decay import RateDecay
from grustab.extensions.sequence_evaluator import SequenceEvaluator
from grustab.extensions.spectral_projection import SpectralProjection
from grustab.extensions.spectrum_monitor import SpectrumMonitor
from grustab.extensions.spike_decay import SpikeDecay

__all__ = [
    "LyapunovMonitor",
    "PlateauDecay",
    "RateDecay",
    "SequenceEvaluator",
    "SpectralProjection",
    "SpectrumMonitor",
    "SpikeDecay",
]
