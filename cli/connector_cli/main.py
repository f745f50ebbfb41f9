"""The `connector` command. Exit codes: 0 done, 1 findings, 2 wrong use, 3 AWS or Exact failed."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from connector_cli.commands import (
    adopt,
    audit,
    bills,
    connection,
    console,
    exceptions,
    mapping,
    month_end,
    notifications,
    operations,
    orders,
    ping,
    preview,
    rehearsal,
    webhooks,
)
from connector_cli.commands.common import Options
from connector_cli.commands.connect import command as connect
from connector_cli.commands.vendors import app as vendors
from connector_cli.errors import translated_errors
from connector_cli.printing import print_error
from ml_connector.user_errors import ServiceError, UserError


class _ErrorReportingGroup(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Print a known error as lines on standard error; a bug keeps its traceback."""
        try:
            with translated_errors():
                return super().invoke(ctx)
        except UserError as error:
            for line in error.lines:
                print_error(line)
            raise typer.Exit(3 if isinstance(error, ServiceError) else 2) from None


# A traceback with local variables would show secrets.
app = typer.Typer(
    cls=_ErrorReportingGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_show_locals=False,
)
app.add_typer(connection.app, name="connection")
app.add_typer(audit.app, name="audit")
app.add_typer(vendors.app, name="vendors")
app.add_typer(exceptions.app, name="exception")
app.add_typer(mapping.app, name="map")
app.add_typer(notifications.app, name="notify")
app.add_typer(console.app, name="console")
for _verb in (
    connect.connect,
    orders.orders,
    exceptions.exceptions,
    orders.retry,
    adopt.adopt,
    orders.fetch,
    orders.refresh,
    bills.bills,
    webhooks.webhooks,
    orders.codes,
    ping.ping,
    preview.preview,
    rehearsal.rehearse,
    month_end.reconcile,
    operations.redrive,
    operations.restored,
    operations.migrate,
):
    app.command()(_verb)


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
) -> None:
    """Create approved Airbase purchase orders in Exact Online, exactly once."""
    context.obj = Options(stack, region, local)
