"""Chainer's SGD, Adam and RMSprop, updating the weights in place."""

from grustab.optimizers.adam import Adam
from grustab.optimizers.rmsprop import RMSprop
from grustab.optimizers.sgd import SGD

__all__ = ["SGD", "Adam", "RMSprop"]
