"""The classes of numbers: each a name, a sentence and a strategy of float64 arrays exact in a format."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from oracle.strategies._shapes import Shape
from reference_engine.operations import Domain
from reference_engine.precision import Precision

Array = npt.NDArray[np.float64]

SIMPLE = (1.0, 2.0, 0.5, -1.0, 3.0, -2.0, 1.5, 0.25, 0.75, -0.5)
"""What ordinary numbers shrink to. Zero is none of them: many functions have a kink there."""

STEPS = 192
"""Ordinary numbers in an interval; few elements among so many seldom tie."""

SATURATED = (20.0, 40.0, 90.0, 104.0, 710.0, 750.0)
"""Beyond these exp, tanh, sigmoid or erfc are constant in one format or another, or leave its range."""


@dataclass(frozen=True, slots=True)
class Place:
    """What numbers are for: a shape, a format, the interval they must lie in, and kinks of the function."""

    shape: Shape
    precision: Precision
    domain: Domain
    kinks: tuple[float, ...]

    @property
    def size(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def root(self) -> float:
        """The root of the unit roundoff, a power of two: where second-order terms become visible."""
        return float(2.0 ** -(self.precision.bits // 2))

    def beside(self, x: float, towards: float) -> float:
        """The next number of the format."""
        with np.errstate(all="ignore"):
            if self.precision.name in {"float32", "float16"}:
                kind = np.dtype(self.precision.name).type
                return float(np.nextafter(kind(x), kind(towards)))
            if self.precision.name == "float64":
                return float(np.nextafter(x, towards))
        scale = max(abs(x), self.precision.smallest_normal)
        ulp = 2.0 ** (math.frexp(scale)[1] - self.precision.bits)
        return float(self.precision.round(x + math.copysign(ulp, towards - x)))

    def inside(self, number: float) -> float:
        """The number in the format; outside of the domain its mirror image, or an ordinary one."""
        rounded = float(self.precision.round(number))
        for candidate in (rounded, -rounded):
            if self.domain.low < candidate < self.domain.high:
                return candidate
        return ordinary_numbers(self.domain, self.precision)[0]


@dataclass(frozen=True, slots=True)
class ValueClass:
    """A class of numbers: its name, what it is in a sentence, and arrays of it for a place."""

    name: str
    about: str
    arrays: Callable[[Place], SearchStrategy[Array]]


CLASSES: dict[str, ValueClass] = {}
"""All classes by name, the simplest first."""


def elementwise(
    name: str, about: str
) -> Callable[[Callable[[Place], SearchStrategy[float]]], Callable[[Place], SearchStrategy[float]]]:
    """Register a class whose elements are drawn one by one."""

    def register(
        elements: Callable[[Place], SearchStrategy[float]],
    ) -> Callable[[Place], SearchStrategy[float]]:
        def arrays(place: Place) -> SearchStrategy[Array]:
            return array_of(elements(place), place)

        CLASSES[name] = ValueClass(name, about, arrays)
        return elements

    return register


def array_of(elements: SearchStrategy[float], place: Place) -> SearchStrategy[Array]:
    """Arrays of the place's shape, every element brought into the domain."""
    return st.lists(elements, min_size=place.size, max_size=place.size).map(
        lambda drawn: _array(drawn, place)
    )


def _array(numbers: Sequence[float], place: Place) -> Array:
    return np.array([place.inside(x) for x in numbers], dtype=np.float64).reshape(place.shape)


@lru_cache(maxsize=256)
def ordinary_numbers(domain: Domain, precision: Precision) -> tuple[float, ...]:
    """Numbers of order 1 with few digits in the ordinary part of a domain, the simplest first."""
    low, high = domain.ordinary
    simple = [x for x in SIMPLE if low <= x <= high]
    spaced = [low + (high - low) * k / STEPS for k in range(1, STEPS)]
    step = 2.0 ** math.floor(math.log2((high - low) / STEPS))
    grid = [float(precision.round(round(x / step) * step)) for x in spaced]
    return tuple(x for x in dict.fromkeys((*simple, *grid)) if domain.low < x < domain.high and x != 0)


@elementwise("ordinary", "numbers of order 1 with few digits, none of them zero")
def ordinary(place: Place) -> SearchStrategy[float]:
    """Ordinary numbers."""
    return st.sampled_from(ordinary_numbers(place.domain, place.precision))


@elementwise("full_digits", "numbers of order 1 that use every bit of the format")
def full_digits(place: Place) -> SearchStrategy[float]:
    """Odd significands."""
    low, high = place.domain.ordinary
    most = 2 ** (place.precision.bits - 1)
    return st.integers(0, most // 2).map(lambda k: low + (high - low) * (2 * k + 1) / (most + 2))


@elementwise("powers_of_two", "plus and minus powers of two, whose products are exact")
def powers_of_two(place: Place) -> SearchStrategy[float]:
    """Powers from 2^-8 to 2^8."""
    order = sorted(range(-8, 9), key=abs)
    return st.builds(lambda e, s: s * 2.0**e, st.sampled_from(order), st.sampled_from((1.0, -1.0)))


@elementwise("whole", "small integers in a float format, zero among them")
def whole(place: Place) -> SearchStrategy[float]:
    """Integers from -3 to 3."""
    return st.sampled_from((1.0, 2.0, 0.0, -1.0, 3.0, -2.0, -3.0))


@elementwise("at_kinks", "exactly at a kink")
def at_kinks(place: Place) -> SearchStrategy[float]:
    """Kinks of the function, zero if none is known."""
    # one of them twice: with nothing to choose, the class would be simpler than ordinary numbers
    kinks = place.kinks or (0.0,)
    return st.sampled_from((*kinks, kinks[0]))


@elementwise("beside_kinks", "one unit in the last place, and the root of the unit roundoff, beside a kink")
def beside_kinks(place: Place) -> SearchStrategy[float]:
    """Both sides, near and less near."""
    return st.sampled_from(
        [
            x
            for kink in place.kinks or (0.0,)
            for x in (
                kink + place.root, kink - place.root,
                place.beside(kink, math.inf), place.beside(kink, -math.inf),
            )
        ]
    )  # fmt: skip


@elementwise("domain_edge", "just inside of where the function ends; the range's end where it does not")
def domain_edge(place: Place) -> SearchStrategy[float]:
    """One unit in the last place and the root of the unit roundoff inside of each end."""
    found: list[float] = []
    for edge, inward in ((place.domain.low, 1.0), (place.domain.high, -1.0)):
        if math.isfinite(edge):
            found += [edge + inward * place.root, place.beside(edge, inward * math.inf)]
        else:
            found.append(-inward * place.precision.largest)
    return st.sampled_from(found)


@elementwise("saturation", "so large that saturating functions are constant")
def saturation(place: Place) -> SearchStrategy[float]:
    """Both signs."""
    return st.sampled_from([s * x for x in SATURATED for s in (1.0, -1.0)])


@elementwise("subnormal", "below the smallest normal number")
def subnormal(place: Place) -> SearchStrategy[float]:
    """Small multiples of the smallest number, and the largest subnormal one."""
    least = place.precision.smallest_normal * 2.0 ** (1 - place.precision.bits)
    most = 2 ** (place.precision.bits - 1) - 1
    return st.sampled_from([s * k * least for k in (1, 2, 3, most) for s in (1.0, -1.0)])


@elementwise("near_overflow", "next to the largest number, and to its root")
def near_overflow(place: Place) -> SearchStrategy[float]:
    """Halves and wholes of them, of both signs."""
    largest = place.precision.largest
    root = 2.0 ** (place.precision.max_exponent // 2)
    return st.sampled_from([s * x for x in (root, 2 * root, largest / 2, largest) for s in (1.0, -1.0)])


@elementwise("mixed_scale", "numbers whose sizes differ by many powers of two")
def mixed_scale(place: Place) -> SearchStrategy[float]:
    """Ordinary numbers times powers of two within the fourth root of the range."""
    reach = place.precision.max_exponent // 4
    exponents = sorted(range(-reach, reach + 1), key=abs)
    return st.builds(math.ldexp, ordinary(place), st.sampled_from(exponents))


@elementwise("signed_zeros", "zero and minus zero")
def signed_zeros(place: Place) -> SearchStrategy[float]:
    """Both zeros."""
    return st.sampled_from((0.0, -0.0))


Arrays = Callable[[Place], SearchStrategy[Array]]


def _whole_array(name: str, about: str) -> Callable[[Arrays], Arrays]:
    """Register a class whose elements depend on each other."""

    def register(arrays: Arrays) -> Arrays:
        CLASSES[name] = ValueClass(name, about, arrays)
        return arrays

    return register


@_whole_array("cancelling", "pairs whose sum is all but nothing")
@st.composite
def cancelling(draw: DrawFn, place: Place) -> Array:
    """Each number at an odd place is minus its neighbor, exactly or a little off."""
    numbers = draw(array_of(ordinary(place), place)).ravel()
    for k in range(1, place.size, 2):
        x = -float(numbers[k - 1])
        numbers[k] = place.inside(draw(st.sampled_from((x, place.beside(x, math.inf), x * (1 + place.root)))))
    return numbers.reshape(place.shape)


@_whole_array("one_zero", "exactly one zero, as in a product with one zero factor")
@st.composite
def one_zero(draw: DrawFn, place: Place) -> Array:
    """Ordinary numbers but for one."""
    return draw(_with_zeros(place, 1))


@_whole_array("several_zeros", "two zeros or more")
@st.composite
def several_zeros(draw: DrawFn, place: Place) -> Array:
    """Ordinary numbers but for some."""
    return draw(_with_zeros(place, draw(st.integers(2, max(2, place.size)))))


@_whole_array("ties", "few distinct numbers, so that orders and extremes tie")
@st.composite
def ties(draw: DrawFn, place: Place) -> Array:
    """Two numbers, or one twice, repeated."""
    two = draw(st.lists(ordinary(place), min_size=2, max_size=2))
    return draw(array_of(st.sampled_from(two), place))


@st.composite
def _with_zeros(draw: DrawFn, place: Place, count: int) -> Array:
    numbers = draw(array_of(ordinary(place), place)).ravel()
    places = st.integers(0, max(0, place.size - 1))
    count = min(count, place.size)
    for k in draw(st.lists(places, min_size=count, max_size=count, unique=True)):
        numbers[k] = place.inside(0.0)
    return numbers.reshape(place.shape)
