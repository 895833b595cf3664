"""The program that a user writes for a function: text, or a callable of ``xp`` and the inputs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import is_dataclass
from typing import Any

from oracle.functions.subject import FunctionSubject, types_of
from oracle.lift.complex_numbers import Complex
from oracle.lift.program import Output
from oracle.lift.trees import Children, flatten
from reference_engine.language import LanguageError, parse
from reference_engine.program import Program, ProgramError
from reference_engine.trace import Builder, Tensor, as_tensor, building, xp

Spec = str | Callable[..., Any]


def program_of(spec: Spec, subject: FunctionSubject, outputs: Sequence[Output]) -> Program:
    """The Program that ``spec`` writes, with the function's inputs and with outputs named as the function's.

    Text names inputs as the function's parameters do (``params['w']`` is ``params_w``) and gives its outputs
    in order. A callable is called as ``spec(xp, *inputs)``, for a module with its parameters by keyword, and
    returns what the function returns. ValueError if either cannot be read or does not fit.
    """
    program = _parsed(spec, subject) if isinstance(spec, str) else _called(spec, subject, outputs)
    wanted = [(o.path, tuple(o.value.shape)) for o in outputs]
    given = [t.shape for t in program.output_types]
    if len(given) != len(wanted):
        msg = f"the spec gives {len(given)} outputs, the function returned {len(wanted)}; expected as many"
        raise ValueError(msg)
    for (path, shape), found in zip(wanted, given, strict=True):
        if shape != found:
            msg = f"the spec gives {path} the shape {found}, the function returned {shape}"
            raise ValueError(msg)
    return Program(program.nodes, program.inputs, program.outputs, tuple(o.name for o in outputs))


def _parsed(text: str, subject: FunctionSubject) -> Program:
    try:
        return parse(text, types_of(subject.slots))
    except LanguageError as error:
        names = ", ".join(s.name for s in subject.slots)
        msg = f"the spec cannot be read: {error} (the function's inputs are called {names})"
        raise ValueError(msg) from error


def _called(spec: Callable[..., Any], subject: FunctionSubject, outputs: Sequence[Output]) -> Program:
    builder = Builder(surface=True)
    with building(builder):
        inputs = [builder.input(name, type_) for name, type_ in types_of(subject.slots).items()]
        args, kwargs = subject.arguments(inputs)
        try:
            results = _in_order(spec(xp, *args, **kwargs), [o.path for o in outputs])
        except (TypeError, ProgramError) as error:
            msg = f"the spec could not be traced as spec(xp, *inputs): {error}"
            raise ValueError(msg) from error
    return builder.finish(inputs, results, [f"out{k}" for k in range(len(results))])


def _in_order(result: Any, paths: Sequence[str]) -> list[Tensor]:
    """The tensors in what the spec returned, by the paths of the function's outputs where they have these:
    JAX sorts the keys of a dict, torch does not.
    """
    tree = flatten(result, "out", _is_leaf, _parts)
    found = dict(zip(tree.paths, map(as_tensor, tree.leaves), strict=True))
    return [found[p] for p in paths] if found.keys() == set(paths) else list(found.values())


def _parts(value: Any) -> Children | None:
    """Complex numbers, under the paths that their parts have."""
    if not isinstance(value, Complex):
        return None
    return [(".real", value.re), (".imag", value.im)], lambda parts: Complex(*parts)


def _is_leaf(value: Any) -> bool:
    """What must be a tensor or a number, if it is not to be an error."""
    if value is None or isinstance(value, (dict, list, tuple)):
        return False
    return isinstance(value, Tensor) or not is_dataclass(value)
