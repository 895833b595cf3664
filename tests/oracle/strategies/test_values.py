from __future__ import annotations

import numpy as np
import pytest
from hypothesis import find, given, settings
from hypothesis import strategies as st

from oracle.strategies import CLASSES, values
from reference_engine.operations import Domain
from reference_engine.precision import PRECISIONS

FEW = settings(max_examples=20, deadline=None, database=None, derandomize=True)
POSITIVE = Domain(0.0, ordinary=(0.2, 3.0))


@pytest.mark.parametrize("name", CLASSES)
@FEW
@given(data=st.data(), dtype=st.sampled_from(tuple(PRECISIONS)))
def test_numbers_are_exact_in_their_format_and_inside_the_domain(
    name: str, data: st.DataObject, dtype: str
) -> None:
    """Rounding to the format changes nothing, and nothing lies outside of the open interval."""
    for domain in (Domain(), POSITIVE, Domain(-1.0, 1.0, (-0.9, 0.9))):
        drawn = data.draw(values((2, 3), dtype, classes=[name], domain=domain)).astype(np.float64)
        assert drawn.shape == (2, 3)
        np.testing.assert_array_equal(PRECISIONS[dtype].round(drawn), drawn)
        assert np.all((drawn > domain.low) & (drawn < domain.high))


@pytest.mark.parametrize("name", [n for n in CLASSES if n not in {"subnormal", "signed_zeros", "at_kinks"}])
def test_simplest_numbers_are_ordinary(name: str) -> None:
    """Classes shrink to the same array on every run."""
    first = find(values((3,), classes=[name]), lambda x: True)
    np.testing.assert_array_equal(first, find(values((3,), classes=[name]), lambda x: True))
    assert np.all(np.isfinite(first))


def test_everything_shrinks_to_ones() -> None:
    """The simplest array of all classes together is made of ones."""
    np.testing.assert_array_equal(find(values((2, 2)), lambda x: True), np.ones((2, 2)))


@FEW
@given(values((4,), classes=["one_zero"]), values((4,), classes=["several_zeros"]))
def test_zeros_are_counted(one: np.ndarray, several: np.ndarray) -> None:
    """One zero is exactly one, several are two or more."""
    assert np.count_nonzero(one == 0) == 1
    assert np.count_nonzero(several == 0) >= 2


@FEW
@given(values((6,), "float32", classes=["cancelling"]))
def test_pairs_cancel(drawn: np.ndarray) -> None:
    """Neighbors add up to less than the root of the unit roundoff of their size."""
    wide = drawn.astype(np.float64)
    assert np.all(np.abs(wide[::2] + wide[1::2]) <= 2.0**-11 * np.abs(wide[::2]))


@FEW
@given(values((3,), "float16", classes=["subnormal"]), values((3,), classes=["near_overflow"]))
def test_ends_of_the_range(small: np.ndarray, large: np.ndarray) -> None:
    """Subnormal numbers are below the smallest normal one and not zero; squares of large ones overflow."""
    assert np.all((small != 0) & (np.abs(small) < 2.0**-14))
    assert np.all(np.abs(large) >= 2.0**511)


@FEW
@given(values((2,), classes=["beside_kinks"], kinks=[1.0]))
def test_beside_a_kink_is_near_it_and_not_at_it(drawn: np.ndarray) -> None:
    """One ulp or the root of the unit roundoff away."""
    assert np.all((drawn != 1) & (np.abs(drawn - 1) <= 2.0**-26))


@FEW
@given(values((5,), classes=["ties"]))
def test_five_numbers_of_two_tie(drawn: np.ndarray) -> None:
    """At most two distinct numbers."""
    assert len(set(drawn.tolist())) <= 2


@FEW
@given(values((2, 0)), values((), "int64"), values((3,), "bool"))
def test_empty_scalar_and_whole_arrays(empty: np.ndarray, whole: np.ndarray, truth: np.ndarray) -> None:
    """Any shape and any kind."""
    assert (empty.shape, whole.shape, truth.shape) == ((2, 0), (), (3,))
    assert (empty.dtype, whole.dtype, truth.dtype) == (np.float64, np.int64, np.bool_)


def test_unknown_names_are_refused() -> None:
    """A class or dtype that does not exist is named, with those that do."""
    with pytest.raises(ValueError, match="'ordinry'; expected one of ordinary"):
        values((), classes=["ordinry"])
    with pytest.raises(ValueError, match="'float8'; expected one of float64"):
        values((), "float8")
    with pytest.raises(ValueError, match="no classes"):
        values((), classes=[])
