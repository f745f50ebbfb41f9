"""`connector profile ...`: an Airbase profile is tried and learnt without a stack."""

import os
from pathlib import Path
from typing import Annotated

import typer

from connector_cli.commands.common import Json
from connector_cli.printing import print_error, print_json, print_line
from ml_connector.connections.profile_proposal import propose_profile
from ml_connector.connections.profile_trial import (
    ProfileTrial,
    read_body,
    read_headers,
    read_json,
    read_profile,
    try_profile,
)
from ml_connector.domain.exception_codes.difference_words import price, quantity
from ml_connector.domain.exception_codes.readable import coded_text
from ml_connector.domain.money import figure, readable
from ml_connector.domain.orders.order import Order, Reference
from ml_connector.secret import Secret

app = typer.Typer(no_args_is_help=True, help="Try and learn an Airbase profile, offline.")
_SECRET = "CONNECTOR_AIRBASE_WEBHOOK_SECRET"  # noqa: S105  the name of a variable
_FINDINGS = 1


@app.command("try")
def try_(
    profile: Annotated[
        Path, typer.Option(help="A connection file, or its profile alone (.toml or .json).")
    ],
    body: Annotated[Path, typer.Option(help="The body of a webhook call, byte for byte.")],
    headers: Annotated[
        Path | None, typer.Option(help="Its headers: lines `Name: value`, or a JSON object.")
    ] = None,
    order: Annotated[
        Path | None, typer.Option(help="What Airbase answers to a call for the order.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show what the connector would make of a recorded webhook call; nothing is called.

    The webhook secret comes from CONNECTOR_AIRBASE_WEBHOOK_SECRET; without it the signature is not
    checked. Exit code 1 when the call would be refused or the order would be an exception.
    """
    secret = os.environ.get(_SECRET)
    found = try_profile(
        read_profile(profile),
        read_body(body),
        read_headers(headers) if headers else {},
        Secret(secret) if secret else None,
        read_json(order) if order else None,
    )
    if as_json:
        print_json(found.as_dict())
    else:
        _print(found)
    if not found.is_good:
        raise typer.Exit(_FINDINGS)


@app.command()
def learn(
    sample: Annotated[
        Path, typer.Argument(metavar="SAMPLE", help="JSON of a webhook body, or of one order.")
    ],
    as_json: Json = False,
) -> None:
    """Propose a profile from one real payload, as the `[profile]` of a connection file."""
    found = propose_profile(read_json(sample))
    if as_json:
        print_json({"profile": found.settings, "missing": found.missing, "unsure": found.unsure})
        return
    print_line(found.as_toml())
    for text in found.unsure:
        print_error(text)
    if found.missing:
        print_error(f"not in the sample: {', '.join(found.missing)}")


def _print(found: ProfileTrial) -> None:
    print_line(f"Signature: {found.signature}{f' ({found.why})' if found.why else ''}.")
    event = " ".join(filter(None, (found.event_type, found.event_id))) or "without type and id"
    about = f"{found.about} {found.id}" if found.id else "neither an order nor a vendor"
    print_line(f"Event: {event}, about {about}.")
    if found.fetched_from:
        print_line(
            f"Order: would be fetched with {found.fetched_from}; pass its answer as --order."
        )
    if found.order:
        _print_order(found.order)
    for each in found.problems:
        print_line(coded_text(each.code, each.cause))
        print_line(f"  To do: {each.remedy}")
    if found.absent:
        print_line(f"Empty: {', '.join(found.absent)}.")


def _print_order(order: Order) -> None:
    state, outcome = order.state.value, order.outcome.value
    print_line(f"Order: {order.title}, {state}, {outcome}, {readable(order.total)}.")
    print_line(f"  Vendor: {_named(order.vendor)}. Subsidiary: {_named(order.subsidiary)}.")
    print_line(f"  Dated {order.order_date}, expected {order.receipt_date or 'on no day'}.")
    for line in order.lines:
        tags = "".join(f", {tag.dimension}: {_named(tag.value)}" for tag in line.tags)
        product = f"{quantity(str(line.quantity))} x {price(str(line.unit_price))}"
        amount = figure(line.amount, order.total.currency)
        account = f"GL account {_named(line.gl_account)}"
        print_line(f"  {line.number}. {line.description}: {product} = {amount}, {account}{tags}")


def _named(reference: Reference) -> str:
    parts = (reference.name, reference.code, reference.id)
    return " / ".join(dict.fromkeys(filter(None, parts)))
