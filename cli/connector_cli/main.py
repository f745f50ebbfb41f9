"""The `connector` command. Exit codes: 0 done, 1 a finding, 2 wrong use, 3 AWS or Exact did not."""

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from connector_cli.commands import (
    audits,
    bills,
    closing,
    connections,
    duplicates,
    exceptions,
    maps,
    notify,
    operating,
    orders,
    pings,
    previews,
    webhooks,
)
from connector_cli.commands.common import Options
from connector_cli.commands.connect import verb as connect
from connector_cli.commands.vendors import verbs as vendors
from connector_cli.complaints import Complaint, understood
from connector_cli.printing import complain


class _Guarded(TyperGroup):
    def invoke(self, ctx: Any) -> Any:
        """Say what is understood in a line on standard error; a bug keeps its trace."""
        try:
            with understood():
                return super().invoke(ctx)
        except Complaint as complaint:
            for line in complaint.lines:
                complain(line)
            raise typer.Exit(complaint.exit_code) from None


# A trace that showed local variables would show secrets.
app = typer.Typer(
    cls=_Guarded, no_args_is_help=True, add_completion=False, pretty_exceptions_show_locals=False
)
app.add_typer(connections.app, name="connection")
app.add_typer(audits.app, name="audit")
app.add_typer(vendors.app, name="vendors")
app.add_typer(exceptions.app, name="exception")
app.add_typer(maps.app, name="map")
app.add_typer(notify.app, name="notify")
for _verb in (
    connect.connect,
    orders.orders,
    exceptions.exceptions,
    orders.retry,
    duplicates.adopt,
    orders.fetch,
    orders.refresh,
    bills.bills,
    webhooks.webhooks,
    orders.codes,
    pings.ping,
    previews.preview,
    closing.reconcile,
    operating.redrive,
    operating.restored,
):
    app.command()(_verb)


@app.callback()
def _options(
    context: typer.Context,
    stack: Annotated[
        str | None,
        typer.Option(envvar="CONNECTOR_STACK", help="CloudFormation stack; default: connector."),
    ] = None,
    region: Annotated[
        str | None, typer.Option(envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], help="AWS region.")
    ] = None,
    local: Annotated[
        bool, typer.Option("--local", help="The stack that `make local` keeps running.")
    ] = False,
) -> None:
    """Approved Airbase purchase orders become Exact Online purchase orders, exactly once."""
    context.obj = Options(stack, region, local)
