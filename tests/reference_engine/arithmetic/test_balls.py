"""Balls enclose: conditions, orders and conversions that are not known are never taken for known."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flint import arb

from reference_engine.arithmetic import truth
from reference_engine.arithmetic.balls import ZERO, Balls, exact, precision
from reference_engine.arithmetic.ties import ordered
from tests.reference_engine.sample import Array


def balls(*values: Any) -> Array:
    """A vector of these elements."""
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out


NAN = arb.nan()
WIDE = arb(0, 1)


class TestUnknown:
    """NaN and overlap say that nothing is known, not that a condition is false."""

    @pytest.mark.parametrize("name", ["less", "less_equal", "greater", "greater_equal", "equal", "not_equal"])
    @pytest.mark.parametrize("value", [NAN, WIDE], ids=["nan", "overlap"])
    def test_comparison(self, name: str, value: arb) -> None:
        """A comparison with a ball that says too little is undecided."""
        codes = Balls().compare(name, balls(value), balls(arb("0.5")))
        assert truth.undecided(codes).all()

    def test_isfinite(self) -> None:
        """A finite ball is finite, an infinity is not, and of NaN nothing is known."""
        codes = Balls().isfinite(balls(arb(1), arb.pos_inf(), arb.neg_inf(), NAN, ZERO))
        assert codes.tolist() == [truth.TRUE, truth.FALSE, truth.FALSE, truth.UNKNOWN, truth.TRUE]

    def test_value_of_an_undecided_choice(self) -> None:
        """The value of an undecided choice encloses both sides."""
        codes = np.array([truth.UNKNOWN], dtype=np.uint8)
        found = Balls().choose(codes, balls(arb(1)), balls(arb(3)), slope=False)[0]
        assert found.contains(1)
        assert found.contains(3)

    def test_integers_of_an_undecided_choice(self) -> None:
        """An integer has no hull: the choice is noted as undecided, unless both sides are equal."""
        codes = np.array([truth.UNKNOWN, truth.UNKNOWN], dtype=np.uint8)
        arithmetic = Balls()
        arithmetic.choose(codes, np.array([1, 2]), np.array([3, 2]), slope=False)
        assert [(k.count, k.undecided) for k in arithmetic.kinks] == [(1, True)]

    def test_conditions_of_an_undecided_choice(self) -> None:
        """A condition chosen by an undecided condition is all that either side can be."""
        codes = np.array([truth.UNKNOWN, truth.TIE_TRUE, truth.TRUE], dtype=np.uint8)
        yes, no = np.full(3, truth.TRUE, dtype=np.uint8), np.full(3, truth.FALSE, dtype=np.uint8)
        found = Balls().choose(codes, yes, no, slope=False)
        assert found.tolist() == [truth.UNKNOWN, truth.TIE_TRUE, truth.TRUE]

    def test_real_to_bool(self) -> None:
        """A ball around zero may be zero or not."""
        codes = Balls().convert(balls(WIDE, arb(0), arb(2)), "real", "bool")
        assert codes.tolist() == [truth.UNKNOWN, truth.FALSE, truth.TRUE]

    def test_real_to_int(self) -> None:
        """Truncation is exact where the ball holds one integer part, and noted as undecided where it does
        not.
        """
        arithmetic = Balls()
        found = arithmetic.convert(balls(arb("-2.7"), arb("2.7"), arb(3)), "real", "int")
        assert found.tolist() == [-2, 2, 3]
        assert not arithmetic.kinks
        arithmetic.convert(balls(arb(3, "1e-9")), "real", "int")
        assert [k.undecided for k in arithmetic.kinks] == [True]

    def test_argsort(self) -> None:
        """Positions of balls that overlap are noted as undecided."""
        arithmetic = Balls()
        arithmetic.order(balls(arb(2, 1), arb("2.5")))
        assert [k.undecided for k in arithmetic.kinks] == [True]


class TestOrders:
    """Sorted places enclose the true sorted values."""

    def test_a_wide_ball_reaches_below_its_neighbors(self) -> None:
        """[0, 20] may be the smallest of 1, 9 and itself, although its midpoint is the largest."""
        found = Balls().sort(balls(arb(1), arb(9), arb(10, 10)))
        assert found[0].contains(0)
        assert found[2].contains(20)

    def test_groups(self) -> None:
        """Groups end where everything before is certainly below everything after."""
        _, groups = ordered(balls(arb(5), arb(1), arb(2, 1), arb(9), arb(9), arb(20)))
        assert groups.tolist() == [0, 0, 2, 3, 3, 5]

    def test_ties_keep_their_places(self) -> None:
        """The argsort is stable."""
        order, _ = ordered(balls(arb(2), arb(1), arb(2), arb(1)))
        assert order.tolist() == [1, 3, 0, 2]

    @pytest.mark.parametrize("seed", range(5))
    def test_sorting_encloses(self, seed: int) -> None:
        """For any points in the balls, sorted points lie in the sorted balls."""
        generator = np.random.default_rng(seed)
        centers, radii = generator.normal(size=8), generator.exponential(0.3, size=8)
        found = Balls().sort(balls(*(arb(c, r) for c, r in zip(centers, radii, strict=True))))
        for _ in range(50):
            points = np.sort(centers + radii * generator.uniform(-1, 1, size=8))
            assert all(ball.contains(arb(point)) for ball, point in zip(found, points.tolist(), strict=True))


class TestStructuralZero:
    """A structural zero absorbs what it multiplies, in every operation that has it."""

    def test_beside_an_operation_that_does_not_take_it(self) -> None:
        """One element that is no structural zero does not spoil its neighbors."""
        from reference_engine.operations import OPERATIONS, Primitive

        divide = OPERATIONS["divide"]
        assert isinstance(divide, Primitive)
        found = divide.evaluate(Balls(), [balls(ZERO, arb(1)), balls(NAN, ZERO)], {})
        assert found[0] is ZERO
        assert found[1].is_nan()

    def test_in_a_matrix_product(self) -> None:
        """A sum of products that all have a structural zero is one; other sums are numbers."""
        from reference_engine.arithmetic import Contraction

        left = balls(ZERO, ZERO, arb(1), ZERO).reshape(2, 2)
        right = balls(arb(1), ZERO, arb(2), arb(3)).reshape(2, 2)
        found = Balls().contract(left, right, Contraction("mk", "kn", "mn"))
        assert [v is ZERO for v in found.ravel()] == [True, True, False, True]
        assert found[1, 0] == 1


def test_precision_is_restored() -> None:
    """The caller's working precision comes back, after an exception too."""
    from flint import ctx

    before = ctx.prec
    with pytest.raises(ZeroDivisionError), precision(before + 64):
        raise ZeroDivisionError
    assert ctx.prec == before


def test_exact_is_exact() -> None:
    """A float64 becomes a ball of radius zero around itself."""
    values = np.array([0.1, -0.0, 2.0**-1074, np.inf])
    assert [float(b.mid()) for b in exact(values)] == values.tolist()
    assert all(b.rad() == 0 for b in exact(values))
