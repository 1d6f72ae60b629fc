"""Updaters."""

from grustab.updaters.bptt_updater import BPTTUpdater
from grustab.updaters.late_updater import LateUpdater

__all__ = ["BPTTUpdater", "LateUpdater"]
