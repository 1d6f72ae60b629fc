"""``bench``: our iteration beside stock Chainer's and PyTorch's."""
