"""The optimizers on arrays that they cannot update block by block, and on none."""

import chainer
import numpy as np
import pytest
from chainer import optimizers, serializers

import grustab.optimizers
from grustab.optimizers import blocks
from tests.test_optimizers import (
    SHAPES,
    check_same,
    make,
    names,
    ours,
    random_arrays,
    random_grads,
    theirs,
    train,
)

SHAPE = (13, 11)
LAYOUTS = {
    "contiguous": lambda a: a.copy(),
    "fortran": np.asfortranarray,
    "strided": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
    "reversed": lambda a: a[::-1].copy()[::-1],
    "part": lambda a: np.pad(a, 1)[1:-1, 1:-1],
}


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(blocks, "BLOCK", 64)


@names
@pytest.mark.parametrize("of_grad", [*LAYOUTS, "broadcast"])
@pytest.mark.parametrize("of_weights", LAYOUTS)
def test_arrays_need_not_be_contiguous(of_weights, of_grad, name):
    (w,) = random_arrays([SHAPE], np.float64)
    results = []
    for optimizer, odd in ((ours(name), True), (theirs(name), False)):
        array = LAYOUTS[of_weights](w) if odd else w.copy()
        chain = make([array])
        optimizer.setup(chain)
        for k in range(5):
            (grad,) = random_grads([SHAPE], np.float64, k)
            if of_grad == "broadcast":
                grad = np.broadcast_to(grad[0], SHAPE)
            chain.p0.grad = LAYOUTS.get(of_grad, np.asarray)(grad) if odd else grad.copy()
            optimizer.update()
        # In place: another view of the same memory sees it.
        assert np.shares_memory(chain.p0.array, array)
        results.append(([array], [chain.p0.update_rule.state or {}]))
    check_same(*results, steps=5)


@names
def test_float16_is_left_to_chainer(name):
    arrays = random_arrays(SHAPES, np.float16)
    # eps of 1e-8 is 0 in float16, which Chainer's RMSprop refuses.
    options = {"eps": 1e-3} if name == "RMSprop" else {}
    results = [train(module(name, **options), arrays, 20) for module in (ours, theirs)]
    for first, second in zip(*(arrays for arrays, _ in results), strict=True):
        assert first.dtype == np.float16
        np.testing.assert_array_equal(first, second)


@names
def test_float16_with_a_float32_copy(name):
    arrays = random_arrays(SHAPES, np.float16)
    results = []
    for module in (ours, theirs):
        optimizer = module(name)
        optimizer.use_fp32_update()
        results.append(train(optimizer, arrays, 20)[0])
    for first, second in zip(*results, strict=True):
        assert first.dtype == np.float16
        # Equal but where rounding to float16 goes the other way.
        np.testing.assert_allclose(first, second, rtol=2**-10, atol=1e-7)


@pytest.mark.parametrize("name", ["Adam", "RMSprop"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_an_eps_that_vanishes_is_refused_as_by_chainer(dtype, name):
    errors = []
    for module in (ours, theirs):
        optimizer = module(name, eps=1e-60).setup(make(random_arrays([SHAPE], dtype)))
        optimizer.target.p0.grad = np.ones(SHAPE, dtype)
        with pytest.raises((ValueError, AttributeError)) as caught:
            optimizer.update()
        errors.append((type(caught.value), str(caught.value)))
    assert errors[0] == errors[1]


@names
def test_gradients_are_not_changed(name):
    optimizer = ours(name).setup(make(random_arrays([SHAPE], np.float64)))
    (grad,) = random_grads([SHAPE], np.float64, 0)
    optimizer.target.p0.grad = grad
    before = grad.copy()
    for _ in range(3):
        optimizer.update()
    np.testing.assert_array_equal(grad, before)


@names
def test_a_rule_leaves_a_weight_that_has_no_gradient(name):
    optimizer = ours(name).setup(make(random_arrays([SHAPE, (3,)], np.float64)))
    before = optimizer.target.p0.array.copy()
    optimizer.target.cleargrads()
    optimizer.target.p0.update_rule.update(optimizer.target.p0)
    np.testing.assert_array_equal(optimizer.target.p0.array, before)


@names
def test_a_missing_gradient_is_zero_as_in_chainer(name):
    def missing_after_three(shapes, dtype, k):
        grads = random_grads(shapes, dtype, k)
        return [None, *grads[1:]] if k >= 3 else grads

    arrays = random_arrays([SHAPE, (3,)], np.float64)
    result = train(ours(name), arrays, 6, missing_after_three)
    check_same(result, train(theirs(name), arrays, 6, missing_after_three), 6)
    never = train(ours(name), arrays, 6, lambda shapes, *_: [None for _ in shapes])[0]
    for before, after in zip(arrays, never, strict=True):
        np.testing.assert_array_equal(after, before)


@names
def test_a_parameter_without_an_array_is_passed_over(name):
    chain = make(random_arrays([SHAPE], np.float64))
    with chain.init_scope():
        chain.later = chainer.Parameter(chainer.initializers.Zero())
    optimizer = ours(name).setup(chain)
    chain.cleargrads()
    chain.p0.grad = np.ones(SHAPE)
    before = chain.p0.array.copy()
    optimizer.update()
    assert (chain.p0.array < before).all()
    assert chain.later.array is None


@names
def test_a_switched_off_parameter_does_not_move(name):
    chain = make(random_arrays([SHAPE], np.float64))
    optimizer = ours(name).setup(chain)
    chain.disable_update()
    chain.p0.grad = np.ones(SHAPE)
    before = chain.p0.array.copy()
    optimizer.update()
    np.testing.assert_array_equal(chain.p0.array, before)


@names
@pytest.mark.parametrize("saved_by", [grustab.optimizers, optimizers], ids=["ours", "chainer's"])
def test_training_goes_on_from_a_file(saved_by, name, tmp_path):
    def steps(optimizer, numbers):
        for k in numbers:
            (optimizer.target.p0.grad,) = random_grads([SHAPE], np.float64, k)
            optimizer.update()

    first = getattr(saved_by, name)().setup(make(random_arrays([SHAPE], np.float64)))
    steps(first, range(10))
    serializers.save_npz(tmp_path / "weights.npz", first.target)
    serializers.save_npz(tmp_path / "optimizer.npz", first)
    second = getattr(grustab.optimizers, name)().setup(make([np.zeros(SHAPE)]))
    serializers.load_npz(tmp_path / "weights.npz", second.target)
    serializers.load_npz(tmp_path / "optimizer.npz", second)
    steps(first, range(10, 20))
    steps(second, range(10, 20))
    np.testing.assert_allclose(second.target.p0.array, first.target.p0.array, rtol=0, atol=1e-14)
    assert second.t == 20
