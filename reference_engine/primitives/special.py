"""Error functions, the logarithm of the gamma function and its derivatives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import scipy.special
from flint import acb, arb

from reference_engine.arithmetic import Elementwise
from reference_engine.operations import Primitive, register
from reference_engine.primitives.define import elementwise
from reference_engine.primitives.elementary import POSITIVE, UNIT
from reference_engine.program import Attr, ProgramError, TensorType
from reference_engine.trace import Tensor, apply, xp


def _bell(x: Tensor) -> Tensor:
    """2/sqrt(pi) exp(-x^2), the derivative of erf."""
    return xp.exp(-(x * x)) * (2 / xp.sqrt(xp.pi()))  # type: ignore[no-any-return]


elementwise(
    "erf", Elementwise(scipy.special.erf, arb.erf, lambda s: s.erf()), [lambda x, y: _bell(x)],
    definition="the error function, 2/sqrt(pi) times the integral of exp(-t^2) from 0 to x.",
    derivative="2/sqrt(pi) exp(-x^2).", family="special",
)  # fmt: skip
elementwise(
    "erfc", Elementwise(scipy.special.erfc, arb.erfc, lambda s: s.erfc()), [lambda x, y: -_bell(x)],
    definition="1 - erf(x), without cancellation for large x.",
    derivative="-2/sqrt(pi) exp(-x^2).", family="special",
)  # fmt: skip
elementwise(
    "erfinv", Elementwise(scipy.special.erfinv, arb.erfinv),
    [lambda x, y: xp.exp(y * y) * (xp.sqrt(xp.pi()) / 2)],
    definition="the inverse of erf on (-1, 1).", derivative="sqrt(pi)/2 exp(erfinv(x)^2).",
    not_differentiable="at -1 and 1 (poles).", domains=[UNIT], poles=(-1.0, 1.0), family="special",
)  # fmt: skip


def _lgamma_ball(x: Any) -> Any:
    """Log |gamma(x)|; left of zero by the reflection formula (DLMF 5.5.3)."""
    if x < 0:
        return (arb.pi() / abs(x.sin_pi())).log() - (1 - x).lgamma()
    return x.lgamma()


elementwise(
    "lgamma", Elementwise(scipy.special.gammaln, _lgamma_ball, lambda s: s.lgamma()),
    [lambda x, y: xp.digamma(x)],
    definition="log |gamma(x)|.", derivative="digamma(x).", not_differentiable="at 0, -1, -2, ... (poles).",
    domains=[POSITIVE], poles=(0.0, -1.0, -2.0), family="special",
)  # fmt: skip
elementwise(
    "digamma", Elementwise(scipy.special.digamma, arb.digamma), [lambda x, y: xp.polygamma(1, x)],
    definition="the derivative of log gamma.", derivative="polygamma(1, x).",
    not_differentiable="at 0, -1, -2, ... (poles).", domains=[POSITIVE], poles=(0.0, -1.0, -2.0),
    family="special",
)  # fmt: skip


def polygamma(n: int, x: Tensor) -> Tensor:
    """Definition: the n-th derivative of digamma.

    Derivative: polygamma(n + 1, x).
    Where it is not differentiable: at 0, -1, -2, ... (poles).
    Conventions: polygamma(0, x) is digamma(x).
    """
    return apply("polygamma", n, x)  # type: ignore[no-any-return]


def _polygamma_type(types: Sequence[TensorType], at: Mapping[str, Attr]) -> TensorType:
    if not isinstance(at["n"], int) or isinstance(at["n"], bool) or at["n"] < 0:
        msg = f"polygamma: n must be an integer of at least 0, found {at['n']!r}"
        raise ProgramError(msg)
    return TensorType(types[0].shape, "real")


def _polygamma_jvp(
    p: Sequence[Tensor], t: Sequence[Tensor | None], out: Tensor, at: Mapping[str, Attr]
) -> Tensor | None:
    return None if t[0] is None else t[0] * xp.polygamma(at["n"] + 1, p[0])


_POLYGAMMA = Elementwise(
    # scipy's polygamma(0, x) is less accurate than its digamma
    lambda x, n: np.asarray(scipy.special.polygamma(n, x) if n else scipy.special.digamma(x)),
    lambda x, n: acb(x).polygamma(n).real if n else x.digamma(),
)

register(
    Primitive(
        "polygamma",
        "special",
        polygamma,
        infer=_polygamma_type,
        evaluate=lambda ar, values, at: ar.elementwise(_POLYGAMMA, values, at),
        jvp=_polygamma_jvp,
        elementwise=True,
        domains=(POSITIVE,),
        poles=(0.0, -1.0, -2.0),
        derivative="polygamma(n + 1, x).",
        call={"n": (1, 0, 2)},
    )
)
