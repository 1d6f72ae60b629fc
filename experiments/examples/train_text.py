"""A model of the characters of a text from grustab's own parts, that goes on where it was stopped.

.venv/bin/python experiments/examples/train_text.py README.md
"""
# ruff: noqa: I001  (grustab before chainer)

import argparse
import hashlib
from pathlib import Path

from grustab.extensions import SequenceEvaluator, SpectralProjection, SpectrumMonitor
from grustab.generators import Generators
from grustab.iterators import StreamIterator
from grustab.links import StackedGRU
from grustab.optimizer_hooks import GradientMonitor
from grustab.updaters import BPTTUpdater
import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np
from chainer.training import Trainer, extensions


class CharacterModel(chainer.Chain):
    """Predicts each character from those before it."""

    def __init__(self, n_characters, n_units, generators):
        super().__init__()
        with self.init_scope():
            self.embed = L.EmbedID(n_characters, n_units)
            self.gru = StackedGRU(
                n_units, n_units, 2, 0.2, rng=generators.weights, masks=generators.masks
            )
            self.out = L.Linear(n_units, n_characters)

    def reset_state(self):
        """Start from ``h = 0``: what the updater and the evaluator call."""
        self.gru.reset_state()

    def forward(self, xs, ts, mask=None):
        """Summed loss in nats of characters (T, B) and the next; mask (T, B): 0 does not count."""
        ys = self.out(self.gru(self.embed(xs)), n_batch_axes=2)
        losses = F.softmax_cross_entropy(ys.reshape(-1, ys.shape[2]), ts.ravel(), reduce="no")
        return F.sum(losses if mask is None else losses * mask.ravel())


def main():
    """Train on nine tenths of the text, evaluate on the rest."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("text", type=Path, help="a file in UTF-8")
    parser.add_argument("--epoch", type=int, default=20)
    args = parser.parse_args()
    if args.epoch < 1:
        parser.error("--epoch: expected at least 1")
    try:
        text = args.text.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        parser.error(f"{args.text}: expected a file in UTF-8: {error}")
    if len(text) < 2000:
        parser.error(f"{args.text}: expected 2000 characters or more, got {len(text)}")
    characters, numbers = np.unique([*text], return_inverse=True)
    train, valid = np.split(numbers.astype(np.int32), [len(numbers) * 9 // 10])

    np.random.seed(0)  # of Chainer's own links
    generators = Generators(0)  # of the GRU, its dropout and randomized decompositions
    model = CharacterModel(len(characters), 64, generators)
    # For a GPU: model.to_device("@cupy:0")
    optimizer = chainer.optimizers.Adam(0.003).setup(model)
    optimizer.add_hook(GradientMonitor())
    updater = BPTTUpdater(StreamIterator([train], 20, 35), optimizer)
    folder = Path("runs/train_text", hashlib.sha256(text.encode()).hexdigest()[:8])
    trainer = Trainer(updater, (args.epoch, "epoch"), out=folder)
    trainer.extend(SpectralProjection(model, delta=0.2))  # after each update
    trainer.extend(SpectrumMonitor(model), trigger=(1, "epoch"))
    trainer.extend(SequenceEvaluator(StreamIterator([valid], 20, 35, repeat=False), model))
    trainer.extend(generators)  # in the snapshots, so that dropout goes on, too
    trainer.extend(extensions.LogReport())
    entries = ["main/loss", "validation/main/loss", "gradient/norm"]
    entries += ["spectrum/gru/1/sigma_1", "spectrum/gru/1/spectral_radius"]
    trainer.extend(extensions.PrintReport(["epoch", *entries]))
    trainer.extend(extensions.snapshot(n_retains=1, autoload=True), trigger=(1, "epoch"))
    trainer.run()
    print(f"epoch {trainer.updater.epoch} done; {folder} holds the log and the snapshot")


if __name__ == "__main__":
    main()
