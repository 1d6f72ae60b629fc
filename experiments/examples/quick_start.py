"""P_delta in a loop of one's own: a GRU learns a mean over 20 steps, in a second or two."""
# ruff: noqa: I001  (grustab before chainer)

from grustab.extensions import SpectralProjection  # before chainer: it then works on today's NumPy
from grustab.links import GRU
import chainer
import chainer.functions as F
import chainer.links as L
import numpy as np

model = chainer.Chain(gru=GRU(in_size=8, out_size=32), out=L.Linear(32, 1))
optimizer = chainer.optimizers.Adam(0.01).setup(model)
projection = SpectralProjection(model, delta=0.2)  # with a trainer: trainer.extend(projection)

for i in range(200):
    xs = np.random.normal(size=(20, 50, 8)).astype(np.float32)  # 20 steps of 50 sequences
    model.gru.reset_state()  # h = 0; without it the state is carried on
    hs = model.gru(xs)  # eqs. (1)-(4), a whole sequence per call: (20, 50, 8) -> (20, 50, 32)
    loss = F.mean_squared_error(model.out(hs[-1]), xs[:, :, :1].mean(axis=0))
    model.cleargrads()
    loss.backward()
    optimizer.update()
    projection()  # P_δ after each optimizer step
    if i % 20 == 19:
        sigma_1 = np.linalg.norm(model.gru.W_hh, 2)  # the paper's six matrices by name
        print(f"iteration {i + 1}: loss {loss.array:.4f}, largest singular value {sigma_1:.3f}")
