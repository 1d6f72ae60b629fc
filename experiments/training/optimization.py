"""Optimizer, schedule, stopping rule and protection, as the conditions say."""

import math
from typing import assert_never

import chainer
import numpy as np
from chainer import optimizers, training
from chainer.optimizer_hooks import GradientHardClipping
from chainer.training import extensions

from experiments.config.conditions import Conditions
from grustab.extensions import PlateauDecay, SpectralProjection, SpikeDecay
from grustab.generators import Generators
from grustab.optimizer_hooks import GradientClipping, GradientMonitor
from grustab.updaters import BPTTUpdater, LateUpdater

VALIDATION_LOSS = "validation/main/loss"


def learning_rate_name(optimizer: chainer.Optimizer) -> str:
    """What Chainer calls the optimizer's learning rate."""
    return "alpha" if isinstance(optimizer, optimizers.Adam) else "lr"


def make_optimizer(c: Conditions, model: chainer.Link) -> chainer.GradientMethod:
    """The optimizer for the model, its gradient watched and, if asked for, then clipped.

    On a GPU, :func:`make_updater` makes what watches it and clips its norm.
    """
    if c.optimizer == "sgd":
        optimizer = optimizers.SGD(c.learning_rate)
    elif c.optimizer == "adam":
        optimizer = optimizers.Adam(c.learning_rate, c.adam_beta1, c.adam_beta2, c.epsilon)
    elif c.optimizer == "rmsprop":
        optimizer = optimizers.RMSprop(c.learning_rate, c.rmsprop_beta, c.epsilon)
    else:
        assert_never(c.optimizer)
    optimizer.setup(model)
    if model.xp is np:
        norm = c.largest_norm
        optimizer.add_hook(GradientClipping(norm) if norm else GradientMonitor())
    if c.method == "elementwise_clipping":
        optimizer.add_hook(GradientHardClipping(-c.threshold, c.threshold))
    elif c.method not in ("none", "clipping", "projection"):
        assert_never(c.method)
    return optimizer


def make_updater(
    c: Conditions, iterator: chainer.dataset.Iterator, optimizer: chainer.GradientMethod
) -> BPTTUpdater:
    """The updater, one that does not wait for a GPU."""
    options = {
        "mean_over_steps": c.loss == "mean_over_steps",
        "sum_over_batch": c.loss_over_batch == "sum",
    }
    if optimizer.target.xp is np:
        return BPTTUpdater(iterator, optimizer, **options)
    norm = c.largest_norm or math.inf
    return LateUpdater(iterator, optimizer, norm, late=c.spike_norm is None, **options)


def make_projection(
    c: Conditions, model: chainer.Link, generators: Generators
) -> SpectralProjection | None:
    """The projection P_delta, if that is the method."""
    if c.method != "projection":
        return None
    matrices = None
    if c.projected == "all":
        n = c.units
        starts = range(0, 3 * n, n)
        matrices = [(gru.W_h, slice(i, i + n)) for gru in model.gru for i in starts]
    return SpectralProjection(model, c.delta, c.projection, generators.projection, matrices)


def add_schedule(c: Conditions, trainer: training.Trainer) -> None:
    """Extend the trainer with the schedule of the learning rate."""
    attr = learning_rate_name(trainer.updater.get_optimizer("main"))
    if c.schedule == "exponential":
        # At the end of epochs decay_after, decay_after + 1, ...: so many epochs at full rate.
        def ends(trainer: training.Trainer) -> bool:
            updater = trainer.updater
            return updater.is_new_epoch and c.decay_after <= updater.epoch < c.epochs

        # Not from the optimizer, whose rate is already a later one where a run is resumed.
        shift = extensions.ExponentialShift(attr, 1 / c.decay_divisor, init=c.learning_rate)
        trainer.extend(shift, trigger=ends)
    elif c.schedule == "plateau":
        trainer.extend(PlateauDecay(c.decay_divisor, c.decay_after, attr, VALIDATION_LOSS))
    elif c.schedule != "constant":
        assert_never(c.schedule)
    if c.spike_norm is not None:
        trainer.extend(SpikeDecay(c.spike_norm, c.spike_divisor, attr))


def is_over(c: Conditions, updater: training.Updater, losses: list[float]) -> bool:
    """Whether epochs, patience or a learning rate that became too small end training.

    It depends on nothing but what a snapshot holds, unlike Chainer's ``EarlyStoppingTrigger``,
    which cannot be saved. ``losses`` are the validation losses of the epochs so far.
    """
    optimizer = updater.get_optimizer("main")
    rate = getattr(optimizer, learning_rate_name(optimizer))
    since_best = len(losses) - 1 - losses.index(min(losses)) if losses else 0
    too_small = rate < (c.min_learning_rate or 0) and updater.is_new_epoch
    patient = c.stop_patience is None or since_best < c.stop_patience
    return updater.epoch >= c.epochs or too_small or not patient
