from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

import oracle

BLOCKED = "import sys, runpy; sys.modules['oracle'] = sys.modules['reference_engine'] = None; "
"""As if the oracle were not installed."""

TORCH = '''
import torch
FIRST_LINE
GAIN = 1.001


class Swish(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return x * torch.sigmoid(x)

    @staticmethod
    def backward(ctx, g):
        (x,) = ctx.saved_tensors
        s = torch.sigmoid(x)
        return g * (s + x * s * (1 - s) * GAIN)


def swish(params, x, power=2, name="mish"):
    """Nested inputs, numbers and texts."""
    return {"y": Swish.apply(x @ params["w"]) ** power, "count": torch.tensor(3), "z": (x[0],)}


def made():
    scale = 0.5

    def double(x):
        return 2 * x

    return lambda x: scale * Swish.apply(double(x))


class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = torch.nn.Linear(3, 2, dtype=torch.float64)

    def forward(self, x):
        return Swish.apply(self.inner(x))


def changing(x):
    return Changing.apply(x)


class Changing(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return 3 * x

    @staticmethod
    def backward(ctx, g):
        return 3 * g * g.abs()
'''

JAX = """
import jax
FIRST_LINE

@jax.custom_vjp
def square(x):
    return x * x


def forward(x):
    return x * x, x


def backward(x, g):
    return (2.001 * x * g,)


square.defvjp(forward, backward)


def of_dict(p):
    return {"b": square(p["a"]) + p["b"], "a": p["b"]}
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A project with modules that can be imported, and two that only run beside the oracle."""
    for name, text in (("their_torch", TORCH), ("their_jax", JAX)):
        (tmp_path / f"{name}.py").write_text(text.replace("FIRST_LINE", ""), encoding="utf-8")
        (tmp_path / f"{name}_test.py").write_text(
            text.replace("FIRST_LINE", "import oracle"), encoding="utf-8"
        )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [n for n in sys.modules if n.startswith("their_")]:
        del sys.modules[name]


def scripts(folder: Path, fn: object, *inputs: object, **options: object) -> dict[str, str]:
    """What the scripts of all failing findings print where there is no oracle, by observed number."""
    with pytest.raises(oracle.GradientError) as caught:
        oracle.assert_gradients(fn, *inputs, **options)  # type: ignore[arg-type]
    found = {}
    result = caught.value.result
    assert not result.recorded.note
    for finding in result.failures:
        kept = result.recorded.kept[finding.id]
        assert kept.script, finding
        code = f"{BLOCKED}runpy.run_path({kept.script!r}, run_name='__main__')"
        done = subprocess.run(
            [sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, cwd=folder
        )
        assert done.returncode == 0, done.stderr
        found[repr(finding.observed)] = done.stdout
    return found


def all_observed(printed: dict[str, str]) -> bool:
    """Whether every script observes what was recorded."""
    return all(f"observed    {k}   (recorded: {k})" in text for k, text in printed.items())


@pytest.mark.slow
@pytest.mark.parametrize("module", ["their_torch", "their_torch_test"])
def test_torch_function(folder: Path, module: str) -> None:
    """Imported, or written out where its file needs the oracle: the same numbers, from nested inputs."""
    torch = import_module("torch")
    ops = import_module(module)
    w = torch.linspace(-1, 1, 6, dtype=torch.float64).reshape(3, 2)
    x = torch.linspace(-2, 1, 12, dtype=torch.float64).reshape(4, 3)
    printed = scripts(folder, ops.swish, {"w": w}, x, 3, "silu", routes=["torch.autograd", "torch.vmap"])
    assert len(printed) == 2
    assert all_observed(printed)


@pytest.mark.slow
def test_method_closure_and_module(folder: Path) -> None:
    """``Swish.apply``, a lambda with what it closes over, a module with its weights."""
    torch = import_module("torch")
    ops = import_module("their_torch_test")
    x = torch.tensor([[0.5, -1.25, 2.0]], dtype=torch.float64)
    for fn in (ops.Swish.apply, ops.made(), ops.Net()):
        assert all_observed(scripts(folder, fn, x, routes=["torch.autograd"]))


@pytest.mark.slow
@pytest.mark.parametrize("module", ["their_jax", "their_jax_test"])
def test_jax_function(folder: Path, module: str) -> None:
    """A custom rule comes along; keys of a dict are sorted as JAX does; float32 stays float32."""
    numpy = import_module("jax.numpy")
    ops = import_module(module)
    p = {"b": numpy.asarray([0.5, -1.25], "float32"), "a": numpy.asarray([2.0, 0.1], "float32")}
    printed = scripts(folder, ops.of_dict, p, routes=["jax.vjp", "jax.jit"])
    assert all_observed(printed)


def test_broken_promise(folder: Path) -> None:
    """The script of a contract finding shows by how much each promise is broken."""
    torch = import_module("torch")
    ops = import_module("their_torch")
    x = torch.tensor([0.5, -1.25, 2.0], dtype=torch.float64)
    with pytest.raises(oracle.GradientError) as caught:
        oracle.assert_gradients(ops.changing, x)
    broken = next(f for f in caught.value.result.failures if f.route == "contract linear")
    script = caught.value.result.recorded.kept[broken.id].script
    done = subprocess.run([sys.executable, "-I", script], capture_output=True, text=True, check=False)
    lines = done.stdout.splitlines()
    assert any(line.startswith("twice the cotangent") and not line.endswith(" 0") for line in lines), lines
    assert any(line.startswith("another run") and line.endswith(" 0") for line in lines), lines


def test_what_cannot_be_kept_is_replayed_as_an_error(folder: Path) -> None:
    """A function that holds a lock fails as before; its record says why it cannot be replayed."""
    import threading

    torch = import_module("torch")
    ops = import_module("their_torch")
    lock = threading.Lock()

    def held(x: object) -> object:
        with lock:
            return ops.Swish.apply(x)

    with pytest.raises(oracle.GradientError) as caught:
        oracle.assert_gradients(held, torch.ones(2, dtype=torch.float64))
    finding = caught.value.result.failures[0]
    record = (folder / ".oracle" / "failures" / f"{finding.id}.json").read_text(encoding="utf-8")
    assert "cannot pickle" in record
