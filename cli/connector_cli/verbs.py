"""All verbs by name. What one needs is imported when it is run, so that help is there at once."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from connector_cli.one_output import write_one_thing
from connector_cli.typed_texts import take_texts_as_typed

_SET_UP = "Set up a company"
_EVERY_DAY = "Every day"
_LOOK_UP = "Look up and check"
_OPERATE = "Operate the stack"


@dataclass(frozen=True)
class Verb:
    """Where a verb is, the group in the help where it is listed, and its first line of help."""

    module: str
    attribute: str
    group: str
    help: str


VERBS: Mapping[str, Verb] = {
    "connect": Verb(
        "connect.command", "connect", _SET_UP,
        "Connect a company, step by step. Every step can be repeated.",
    ),
    "connection": Verb(
        "connection", "app", _SET_UP, "Add, show, change and remove connections.",
    ),
    "profile": Verb("profile", "app", _SET_UP, "Try and learn an Airbase profile, offline."),
    "map": Verb("mapping", "app", _SET_UP, "Map Airbase values to Exact codes."),
    "vendors": Verb("vendors.app", "app", _SET_UP, "Link Airbase vendors to Exact suppliers."),
    "notify": Verb(
        "notifications", "app", _SET_UP,
        "Set up and test notifications of new exceptions and halts.",
    ),
    "console": Verb(
        "console", "app", _SET_UP, "Say who has access to the finance console, and end sessions.",
    ),
    "exceptions": Verb(
        "exceptions", "exceptions", _EVERY_DAY,
        "List open exceptions, oldest first, with their causes and remedies.",
    ),
    "exception": Verb(
        "exception", "app", _EVERY_DAY, "Show, dismiss or assign a record's exceptions.",
    ),
    "orders": Verb(
        "orders", "orders", _EVERY_DAY, "List the orders of a connection and their states.",
    ),
    "retry": Verb(
        "retrying", "retry", _EVERY_DAY,
        "Retry an order, or all orders with certain exceptions; nothing is posted twice.",
    ),
    "adopt": Verb(
        "adopt", "adopt", _EVERY_DAY,
        "Link to orders already in Exact; they are not posted again.",
    ),
    "fetch": Verb(
        "retrying", "fetch", _EVERY_DAY, "Import an approved order whose webhook never arrived.",
    ),
    "reconcile": Verb(
        "month_end", "reconcile", _EVERY_DAY,
        "Compare a month's approved orders with Exact, with totals by currency.",
    ),
    "preview": Verb(
        "preview", "preview", _LOOK_UP,
        "Show what would be sent to Exact, or which exceptions the order would raise.",
    ),
    "rehearse": Verb(
        "rehearsal", "rehearse", _LOOK_UP,
        "Decide the orders approved in a month as posting would, without posting anything.",
    ),
    "ready": Verb(
        "ready", "ready", _SET_UP,
        "Say whether a connection is ready to go live, and what is to be repaired first.",
    ),
    "explain": Verb(
        "explain", "explain", _LOOK_UP,
        "Explain why a record is as it is: each decision, with its evidence, who and when.",
    ),
    "codes": Verb(
        "retrying", "codes", _LOOK_UP, "Explain an exception code: its cause and remedy.",
    ),
    "bills": Verb(
        "bills", "bills", _LOOK_UP,
        "List the Airbase bills of an order's vendor, for reference; bills are never posted.",
    ),
    "audit": Verb("audit", "app", _LOOK_UP, "Show, verify and export audit trails."),
    "personal-data": Verb(
        "personal_data", "app", _OPERATE,
        "Remove what is kept of a person; audit trails stay verifiable.",
    ),
    "ping": Verb(
        "ping", "ping", _LOOK_UP,
        "Check that both systems work: keys, permissions, call limits, clocks, webhooks.",
    ),
    "refresh": Verb(
        "retrying", "refresh", _OPERATE,
        "Read Exact's reference data now instead of at the next scheduled time.",
    ),
    "webhooks": Verb(
        "webhooks", "webhooks", _OPERATE,
        "List the webhook subscriptions in Exact that notify the connector of changes.",
    ),
    "redrive": Verb(
        "operations", "redrive", _OPERATE,
        "Send messages from the dead-letter queues back; no order is posted twice.",
    ),
    "restored": Verb(
        "operations", "restored", _OPERATE,
        "Run after restoring the ledger and audit tables, so that nothing is posted twice.",
    ),
    "migrate": Verb(
        "operations", "migrate", _OPERATE,
        "Bring stored data into the form of this version; workers keep running.",
    ),
}  # fmt: skip


class VerbGroup(TyperGroup):
    """The verbs of `VERBS`; a list of them imports none."""

    _is_listing = False

    def __init__(self, **attributes: Any) -> None:
        """Take the options before the verb as they are typed."""
        super().__init__(**attributes)
        take_texts_as_typed(self)

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all verbs, in the order of the help."""
        del ctx
        return list(VERBS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return the verb, or for a list its name and help alone."""
        del ctx
        verb = VERBS.get(cmd_name)
        if verb is None:
            return None
        if self._is_listing:
            return TyperCommand(cmd_name, help=verb.help, rich_help_panel=verb.group)
        return _loaded(cmd_name, verb)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        self._is_listing = True
        try:
            super().format_help(ctx, formatter)
        finally:
            self._is_listing = False


def _loaded(name: str, verb: Verb) -> Any:
    found: Any = getattr(import_module(f"connector_cli.commands.{verb.module}"), verb.attribute)
    around = typer.Typer()
    around.callback()(lambda: None)
    if isinstance(found, typer.Typer):
        around.add_typer(found, name=name)
    else:
        around.command(name)(found)
    command = typer.main.get_group(around).commands[name]
    _keep_brackets(command)
    take_texts_as_typed(command)
    write_one_thing(command)
    return command


def _keep_brackets(command: Any) -> None:
    """Let the help of a verb, its options and its own verbs show `[table]` as it is written."""
    for each in (command, *command.params):
        if text := getattr(each, "help", None):
            each.help = text.replace("[", r"\[")
    for verb in getattr(command, "commands", {}).values():
        _keep_brackets(verb)
