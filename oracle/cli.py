"""The ``oracle`` command. What is heavy is imported by the command that needs it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any, NoReturn

import click
from click.core import ParameterSource

from oracle import __version__

DTYPES = ("float64", "float32", "bfloat16", "float16")

STATUS = """\b
Exit status:
  0  nothing failed
  1  at least one failing verdict
  2  something could not be read or run, the run was interrupted, or
     nothing was judged. 2 goes before 1: what was not checked may hide
     anything, and the failures are in the report either way."""


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, epilog=STATUS
)
@click.version_option(__version__, message="oracle %(version)s")
def main() -> None:
    """Decide whether gradients are right: every framework is held to a certified reference."""


@main.command(epilog=STATUS)
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--framework", "-f", multiple=True, metavar="NAME", help="Judge only this framework. Repeatable."
)
@click.option("--dtype", multiple=True, type=click.Choice(DTYPES), help="Only in this precision. Repeatable.")
@click.option(
    "--route", multiple=True, metavar="NAME", help="Only by this route, such as jax.jit. Repeatable."
)
@click.option("--order", type=click.IntRange(1, 2), help="Order of the derivative, whatever the case says.")
@click.option(
    "-k", "keyword", metavar="EXPR", default="", help="Cases that match, such as 'softmax and not large'."
)
@click.option(
    "--seed", type=click.IntRange(0, 2**32 - 1), default=0, show_default=True, help="For cotangents."
)
@click.option("--workers", type=click.IntRange(1), help="Worker processes; one for each core if not given.")
@click.option(
    "--timeout", type=click.FloatRange(0, min_open=True), help="Seconds a case may take.  [default: 120]"
)
@click.option("--memory", type=click.IntRange(1), help="Megabytes a worker may hold.  [default: 2000]")
@click.option(
    "--output",
    "-o",
    multiple=True,
    metavar="FORMAT[=PATH]",
    help="text, concise or json; to a file or stdout. Repeatable.",
)
@click.option(
    "--strict", is_flag=True, help="Fail on undecided, vacuous and unsupported too, and on unexpected passes."
)
@click.option("--strict-conventions", is_flag=True, help="Fail on convention and artifact too.")
@click.option("--exit-zero", is_flag=True, help="Exit with 0 where it would be 1.")
@click.option("--verbose", "-v", is_flag=True, help="Leave nothing out of the text report.")
@click.option("--quiet", "-q", is_flag=True, help="No progress on standard error.")
@click.pass_context
def check(context: click.Context, /, **options: Any) -> None:
    """Judge the gradients of all case files below PATHS."""
    from oracle import commands  # noqa: PLC0415

    try:
        commands.configure(options, _given(context))
        status = commands.check(options)
    except commands.Refusal as refusal:
        refuse(str(refusal))
    sys.exit(0 if status == 1 and options["exit_zero"] else status)


@main.command()
@click.argument("case", required=False, type=click.Path(path_type=Path))
@click.option("--finding", metavar="ID", help="Instead of a case: the failure recorded under this ID.")
@click.option("--svg", type=click.Path(path_type=Path), help="Also draw the graph into this file.")
def explain(case: Path | None, finding: str | None, svg: Path | None) -> None:
    """Show a case step by step: forward pass, local derivatives, backward pass.

    With --finding a recorded failure at the numbers where it was found; in the drawing the operation
    that is to blame is red.
    """
    from oracle import commands  # noqa: PLC0415

    try:
        if finding is not None and case is None:
            click.echo(commands.explain_finding(finding, svg))
        elif case is not None and finding is None:
            click.echo(commands.explain(case, svg))
        else:
            refuse("expected a CASE or --finding ID, one of the two")
    except commands.Refusal as refusal:
        refuse(str(refusal))


REPLAYED = """\b
Exit status:
  0  everything replayed is fixed
  1  at least one still fails
  2  something could not be run again"""


@main.command(epilog=REPLAYED)
@click.argument("ids", nargs=-1, metavar="[ID]...")
def replay(ids: tuple[str, ...]) -> None:
    """Run recorded failures again, all or those named, and forget the fixed ones."""
    from oracle import commands  # noqa: PLC0415

    try:
        sys.exit(commands.replay(ids))
    except commands.Refusal as refusal:
        refuse(str(refusal))


@main.command()
@click.argument("name", required=False)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def ops(name: str | None, as_json: bool) -> None:
    """Show which operations are supported where, or what one operation is."""
    from oracle import commands  # noqa: PLC0415

    try:
        click.echo(commands.operations(name, as_json=as_json))
    except commands.Refusal as refusal:
        refuse(str(refusal))


@main.command()
@click.option(
    "--framework", "-f", "frameworks", multiple=True, metavar="NAME", help="Ask only this one. Repeatable."
)
@click.option("--operation", "operations", multiple=True, metavar="NAME", help="Only this one. Repeatable.")
@click.option(
    "--output",
    "-o",
    "form",
    type=click.Choice(["markdown", "json"]),
    default="markdown",
    show_default=True,
    help="Of the table.",
)
def conventions(frameworks: tuple[str, ...], operations: tuple[str, ...], form: str) -> None:
    """Show what each framework answers at kinks and poles, beside all slopes that are valid."""
    from oracle import commands  # noqa: PLC0415

    try:
        click.echo(commands.conventions(frameworks, operations, form), nl=False)
    except commands.Refusal as refusal:
        refuse(str(refusal))


@main.command()
@click.option(
    "--framework", "-f", "frameworks", multiple=True, metavar="NAME", help="Plant only in this. Repeatable."
)
def selftest(frameworks: tuple[str, ...]) -> None:
    """Plant faults in the frameworks' rules and in the oracle's own, and show that they are caught."""
    from oracle import commands  # noqa: PLC0415

    try:
        sys.exit(commands.selftest(frameworks))
    except commands.Refusal as refusal:
        refuse(str(refusal))


@main.command()
@click.argument("what", type=click.Choice(["case", "run"]))
def schema(what: str) -> None:
    """Print the JSON Schema of case files or of run files."""
    from oracle import commands  # noqa: PLC0415

    click.echo(commands.schema(what))


def refuse(message: str) -> NoReturn:
    """Say on standard error why nothing can be done, and exit with 2."""
    click.echo(f"oracle: {message}", err=True)
    sys.exit(2)


def _given(context: click.Context) -> frozenset[str]:
    """Names of the options that stand on the command line."""
    return frozenset(
        name for name in context.params if context.get_parameter_source(name) is ParameterSource.COMMANDLINE
    )
