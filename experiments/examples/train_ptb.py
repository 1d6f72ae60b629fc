"""A language model of the Penn Treebank from Chainer's own parts, with P_delta in one line.

.venv/bin/python experiments/examples/train_ptb.py           # downloads the Penn Treebank at first
.venv/bin/python experiments/examples/train_ptb.py --test    # made-up words: seconds
"""
# ruff: noqa: I001  (grustab before chainer)

import argparse

from grustab.datasets import load_ptb  # before chainer: it then works on today's NumPy
from grustab.errors import DataError
from grustab.extensions import SpectralProjection
import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from chainer.iterators import SerialIterator
from chainer.training import Trainer, extensions, updaters


class LanguageModel(chainer.Chain):
    """Predicts each word from those before it; its state goes on from batch to batch."""

    def __init__(self, n_words, n_units):
        super().__init__()
        with self.init_scope():
            self.embed = L.EmbedID(n_words, n_units)
            self.gru = L.StatefulGRU(n_units, n_units)
            self.out = L.Linear(n_units, n_words)

    def forward(self, xs, ts):
        """Mean loss per word, in nats, of words (B, T) and the words after them (B, T)."""
        hs = [self.gru(F.dropout(x)) for x in F.separate(self.embed(xs), axis=1)]
        self.gru.set_state(chainer.Variable(self.gru.h.array))  # gradients do not go further back
        ys = self.out(F.dropout(F.concat(hs, axis=0)))
        loss = F.softmax_cross_entropy(ys, ts.T.reshape(-1))
        chainer.report({"loss": loss}, self)
        return loss


def batches(words, size, steps, repeat=False):
    """Cut a text into streams that are read side by side, some steps per batch."""
    n = (len(words) - 1) // (size * steps)

    def cut(words):
        return words.reshape(size, n, steps).swapaxes(0, 1).reshape(-1, steps)

    used = size * n * steps
    pairs = chainer.datasets.TupleDataset(cut(words[:used]), cut(words[1 : used + 1]))
    return SerialIterator(pairs, size, repeat, shuffle=False)


def add_perplexity(log):
    """Add perplexities, which are not means over batches, to an entry of the log."""
    for name in ("main", "validation/main"):
        if f"{name}/loss" in log:
            log[f"{name}/perplexity"] = float(np.exp(log[f"{name}/loss"]))


def main():
    """Train, and evaluate on the test set."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--batchsize", type=int, default=20)
    parser.add_argument("--bproplen", type=int, default=35, help="steps per batch")
    parser.add_argument(
        "--delta", type=float, default=0.2, help="caps U, the paper's W_hh, at 2 - delta"
    )
    parser.add_argument("--device", default="@numpy", help='"@cupy:0" for a GPU')
    parser.add_argument("--epoch", type=int, default=5)
    parser.add_argument("--out", default="runs/train_ptb", help="folder of the log")
    parser.add_argument("--test", action="store_true", help="made-up words and a small model")
    parser.add_argument("--unit", type=int, default=650)
    args = parser.parse_args()
    if min(args.batchsize, args.bproplen, args.epoch, args.unit) < 1:
        parser.error("--batchsize, --bproplen, --epoch, --unit: expected at least 1")
    if not 0 < args.delta < 2:
        parser.error("--delta: expected a number between 0 and 2")

    if args.test:  # 20 words, of which two can follow each: a perplexity of 2 is the best
        words = np.random.default_rng(0).integers(1, 3, 15000).cumsum().astype(np.int32) % 20
        train, valid, test = np.split(words, [10000, 12500])
        args.bproplen, args.unit = 10, 32
    else:
        try:
            train, valid, test = load_ptb()[:3]
        except DataError as error:
            parser.exit(2, f"error: {error}\n")
    if min(map(len, (train, valid, test))) <= args.batchsize * args.bproplen:
        parser.error("--batchsize times --bproplen: expected fewer than the words of each text")
    try:
        device = chainer.get_device(args.device)
        device.use()
    except Exception as error:  # Chainer's or CuPy's, of many types
        parser.error(f"--device: expected @numpy, or @cupy:0 where CuPy has a GPU: {error}")

    model = LanguageModel(int(train.max()) + 1, args.unit)
    model.to_device(device)
    optimizer = chainer.optimizers.Adam().setup(model)
    iterator = batches(train, args.batchsize, args.bproplen, repeat=True)
    updater = updaters.StandardUpdater(iterator, optimizer, device=device)
    trainer = Trainer(updater, (args.epoch, "epoch"), out=args.out)
    trainer.extend(SpectralProjection(model, delta=args.delta))  # all that grustab adds

    copied = model.copy()  # the same weights, another state

    def evaluator(words):
        return extensions.Evaluator(
            batches(words, args.batchsize, args.bproplen),
            copied,
            device=device,
            eval_hook=lambda _: copied.gru.reset_state(),
        )

    trainer.extend(evaluator(valid))
    trainer.extend(extensions.LogReport(postprocess=add_perplexity))
    entries = ["main/perplexity", "validation/main/perplexity", "projection/gru/sigma_bound"]
    trainer.extend(extensions.PrintReport(["epoch", *entries, "elapsed_time"]))
    trainer.run()
    print(f"test perplexity: {np.exp(float(evaluator(test)()['main/loss'])):.1f}")


if __name__ == "__main__":
    main()
