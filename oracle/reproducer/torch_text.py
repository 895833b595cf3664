"""The parts of a script for torch: how numbers become tensors, and each route as a person calls it."""

from __future__ import annotations

from collections.abc import Mapping

IMPORTS = "import torch"

VERSION = "torch.__version__"

START = """
torch.set_num_threads(1)  # sums come out the same every time
"""

TENSORS = """
DTYPE = torch.{dtype}


def real(value):
    return torch.tensor(np.asarray(value, dtype=np.float64)).to(DTYPE)


def integer(value):
    return torch.tensor(np.asarray(value, dtype=np.int64))


def boolean(value):
    return torch.tensor(np.asarray(value, dtype=np.bool_))


def convert(tensor):
    return tensor.to(DTYPE)
"""

LAYOUTS: Mapping[str, str] = {
    "contiguous": "",
    "transposed": """
def transposed(value):
    axes = tuple(reversed(range(value.ndim)))
    return value.permute(axes).contiguous().permute(axes)
""",
    "strided": """
def strided(value):
    if value.ndim == 0:
        return value
    gap = math.nan if value.is_floating_point() else 0
    buffer = value.new_full((*value.shape[:-1], 2 * value.shape[-1]), gap)
    buffer[..., ::2] = value
    return buffer[..., ::2]
""",
    "expanded": """
def expanded(value):
    short = value
    for axis, extent in enumerate(value.shape):
        first = short.narrow(axis, 0, 1) if extent > 1 else short
        if bool((first == short).all()):
            short = first
    return short.clone().expand(value.shape)
""",
}
"""How a tensor lies in memory, where that is not as usual."""

FUNCTION = """
def is_real(tensor):
    return tensor.is_floating_point()


def function(*primals):
    \"\"\"Real outputs, and all outputs, of the inputs that are differentiated.\"\"\"
    outputs = program(*{**given, **dict(zip(wrt, primals))}.values())
    return tuple(o for o in outputs if is_real(o)), outputs


def real_outputs(*primals):
    return function(*primals)[0]


def like(vectors, tensors):
    return tuple(torch.tensor(v).to(t.dtype) for v, t in zip(vectors, tensors))


def gradient(outputs, leaves, vectors, **options):
    \"\"\"torch.autograd.grad, with zeros for what is not reached.\"\"\"
    pairs = [(o, c) for o, c in zip(outputs, vectors) if o.requires_grad]
    if not pairs:
        return [torch.zeros_like(x) for x in leaves]
    found = torch.autograd.grad(
        [o for o, _ in pairs], leaves, [c for _, c in pairs], allow_unused=True, **options
    )
    return [torch.zeros_like(x) if g is None else g for x, g in zip(leaves, found)]


primals = tuple(given[name] for name in wrt)
leaves = tuple(x.detach().requires_grad_() for x in primals)
"""

ROUTES: Mapping[str, str] = {
    "torch.autograd": """
real_, outputs = function(*leaves)
derivatives = gradient(real_, leaves, like(cotangents, real_))
""",
    "torch.func.vjp": """
real_, pullback, outputs = torch.func.vjp(function, *primals, has_aux=True)
derivatives = pullback(like(cotangents, real_))
""",
    "torch.func.jvp": """
_, derivatives, outputs = torch.func.jvp(function, primals, like(tangents, primals), has_aux=True)
""",
    "torch.vmap": """
real_, outputs = function(*leaves)
both = [torch.stack([c, -c]) for c in like(cotangents, real_)]
found = gradient(real_, leaves, both, is_grads_batched=True)
derivatives = [g[0] if g.ndim > x.ndim else g for g, x in zip(found, leaves)]
""",
    "torch.compile": """
fn = torch.compile(fn)
real_, outputs = function(*leaves)
derivatives = gradient(real_, leaves, like(cotangents, real_))
""",
    "torch.double_backward": """
real_, outputs = function(*leaves)
first = gradient(real_, leaves, like(cotangents, real_), create_graph=True)
derivatives = gradient(first, leaves, like(directions, leaves))
""",
    "torch.forward_over_reverse": """
def first(*primals):
    real_, pullback, outputs = torch.func.vjp(function, *primals, has_aux=True)
    return pullback(like(cotangents, real_)), outputs


_, derivatives, outputs = torch.func.jvp(first, primals, like(directions, primals), has_aux=True)
""",
    "torch.reverse_over_forward": """
def moved(*primals):
    _, found, outputs = torch.func.jvp(function, primals, like(directions, primals), has_aux=True)
    return found, outputs


found, pullback, outputs = torch.func.vjp(moved, *primals, has_aux=True)
derivatives = pullback(like(cotangents, found))
""",
    "torch.forward_over_forward": """
def slope(*primals):
    real_, moved = torch.func.jvp(real_outputs, primals, like(directions, primals))
    return sum((c * t).sum() for c, t in zip(like(cotangents, real_), moved))


outputs = function(*primals)[1]
derivatives = []
for k, primal in enumerate(primals):
    found = torch.zeros_like(primal)
    for element in range(primal.numel()):
        unit = [torch.zeros_like(p) for p in primals]
        unit[k].view(-1)[element] = 1.0
        found.view(-1)[element] = torch.func.jvp(slope, primals, tuple(unit))[1]
    derivatives.append(found)
""",
}
"""Each defines ``outputs`` and ``derivatives``."""

PROMISES = """
real_, outputs = function(*leaves)
given_ = like(cotangents, real_)


def pull(factor, vectors=given_):
    return gradient(real_, leaves, [factor * c for c in vectors], retain_graph=True)


def report(what, found, expected):
    for name, a, b in zip(wrt, found, expected):
        print(f"{what:36} {name}: off by {(a - b).abs().max().item() if a.numel() else 0.0:.3g}")


before = [x.detach().clone() for x in leaves]
once = [g.clone() for g in pull(1.0)]
report("a second pass through the graph", pull(1.0), once)
report("twice the cotangent", pull(2.0), [2 * g for g in once])
report("the opposite cotangent", pull(-1.0), [-g for g in once])
report("no cotangent", pull(0.0), [0 * g for g in once])
other = [c * torch.where(torch.arange(c.numel()).reshape(c.shape) % 2 == 0, 1.0, -2.0) for c in given_]
report(
    "the sum of two cotangents",
    pull(1.0, [c + d for c, d in zip(given_, other)]),
    [a + b for a, b in zip(once, pull(1.0, other))],
)
report("another run", gradient(function(*leaves)[0], leaves, given_), once)
for passes in (1, 2):
    again = function(*leaves)[0]
    pairs = [(o, c) for o, c in zip(again, given_) if o.requires_grad]
    torch.autograd.backward([o for o, _ in pairs], [c for _, c in pairs])
    grads = [torch.zeros_like(x) if x.grad is None else x.grad for x in leaves]
    report(f".grad after {passes} backward pass(es)", grads, [passes * g for g in once])
report("inputs afterwards", [x.detach() for x in leaves], before)
"""

ELEMENT = "{array}[{index}].item()"
"""One element of a tensor as a Python float."""

CALL = """
def tensors_in(value):
    \"\"\"The tensors in a result, in order.\"\"\"
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, dict):
        return [t for v in value.values() for t in tensors_in(v)]
    if isinstance(value, (list, tuple)):
        return [t for v in value for t in tensors_in(v)]
    return [t for v in getattr(value, "__dict__", {}).values() for t in tensors_in(v)]
"""

OWN_TENSORS = """
def tensor(array, dtype):
    return torch.tensor(array).to(getattr(torch, dtype))
"""
