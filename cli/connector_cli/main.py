"""The `connector` command. Exit codes: 0 done, 1 findings, 2 wrong use, 3 AWS or Exact failed.

After Ctrl-C it is 130.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from connector_cli.errors import translated_errors
from connector_cli.options import INTERRUPTED, Options, typed_before_verb
from connector_cli.printing import print_error, propose_commands_as
from connector_cli.verbs import VerbGroup
from ml_connector.user_errors import ServiceError, UserError


@contextmanager
def _quiet_libraries() -> Iterator[None]:
    """Keep what libraries log, and warn of, out of people's output; functions do log it."""
    import logging  # noqa: PLC0415  help needs none
    import warnings  # noqa: PLC0415

    before = logging.root.manager.disable
    logging.disable()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"(?!ml_connector|connector_cli)")
            yield
    finally:
        logging.disable(before)


class _ErrorReportingGroup(VerbGroup):
    def invoke(self, ctx: Any) -> Any:
        """Print a known error as lines on standard error; a bug keeps its traceback."""
        try:
            with _quiet_libraries(), translated_errors():
                return super().invoke(ctx)
        except KeyboardInterrupt:
            print_error("interrupted")
            raise typer.Exit(INTERRUPTED) from None
        except UserError as error:
            for line in error.lines:
                print_error(line)
            raise typer.Exit(3 if isinstance(error, ServiceError) else 2) from None


# Nearly all that is made in the first second stays: collecting it again and again finds nothing.
gc.set_threshold(250_000)

# A traceback with local variables would show secrets.
app = typer.Typer(
    cls=_ErrorReportingGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)


def _show_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import version  # noqa: PLC0415  no other verb needs it

        typer.echo(f"connector {version('airbase-exact-connector')}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    stack: Annotated[
        str | None,
        typer.Option(
            envvar="CONNECTOR_STACK", help="CloudFormation stack name; default: connector."
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="AWS region.")
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="Use the stack started by `make local`.")
    ] = False,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Show the version and exit."
        ),
    ] = False,
) -> None:
    """Create approved Airbase purchase orders in Exact Online, exactly once."""
    context.obj = options = Options(stack, region, local)
    if local:
        from connector_cli.target import follow_local_clock  # noqa: PLC0415  no help needs it

        follow_local_clock()
    sources = ((name, context.get_parameter_source(name)) for name in ("stack", "region"))
    given = {name for name, source in sources if source and source.name == "COMMANDLINE"}
    propose_commands_as(typed_before_verb(options, given))
