"""Updaters."""

from grustab.updaters.bptt_updater import BPTTUpdater

__all__ = ["BPTTUpdater"]
