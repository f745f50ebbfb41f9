"""The one door of the reconciliation worker: one vendor, a division's suppliers, or both lists."""

from collections.abc import Mapping
from typing import Any

from ml_connector.airbase.vendors import read_vendor
from ml_connector.codes import problem
from ml_connector.connection import Connection
from ml_connector.doors.ledger import VENDORS
from ml_connector.exact.reference import ACCOUNTS_PATH
from ml_connector.faults import Fault, Review
from ml_connector.ids import ConnectionId, Division, VendorId
from ml_connector.vendors.party import Party
from ml_connector.workflows.case import Case
from ml_connector.workflows.doors import Doors
from ml_connector.workflows.messages import never_seen, reconcile_message
from ml_connector.workflows.upkeep.refresh import note_stale
from ml_connector.workflows.vendors.desk import VendorDesk, open_case, open_desk
from ml_connector.workflows.vendors.look import look_at, look_at_gone
from ml_connector.workflows.vendors.parties import vendor_party
from ml_connector.workflows.vendors.runs import reconcile
from ml_connector.workflows.vendors.supplier_news import follow_suppliers


def handle(message: Mapping[str, Any], doors: Doors) -> None:
    """Do what one message of the vendor queue asks for; raises only what must be redriven."""
    if message.get("kind") == "reconcile" and "connection" not in message:
        for connection in doors.mappings.connections():
            doors.queues.send(reconcile_message(connection.id), never_seen())
        return
    connection_id = ConnectionId(message["connection"])
    known = doors.mappings.connection(connection_id)
    if known:
        _handle(message, doors, known)
    if event := message.get("event"):
        doors.inbox.mark_handled(connection_id, event, message.get("event_version"))


def _handle(message: Mapping[str, Any], doors: Doors, connection: Connection) -> None:
    kind = message.get("kind")
    if kind == "vendor":
        _look(open_desk(doors, connection), message)
    elif kind == "account":  # read with the next increment: a storm of them is one
        note_stale(doors.data(connection.id, Division(message["division"])), ACCOUNTS_PATH)
    elif kind == "suppliers":
        _follow(doors, connection, Division(message["division"]))
    elif kind == "reconcile":
        reconcile(doors, connection)


def _look(desk: VendorDesk, message: Mapping[str, Any]) -> None:
    id = VendorId(message["vendor"])
    known = desk.vendors.get(id)
    try:
        vendor = known if message.get("kept") else _read(desk, id, message)
    except Fault as fault:
        _put_aside(desk, known or Party(id, id), fault)
        return
    if vendor:
        look_at(desk, vendor)


def _read(desk: VendorDesk, id: VendorId, message: Mapping[str, Any]) -> Party | None:
    """Return the vendor as Airbase has it; None when it is gone, which is then taken care of."""
    try:
        raw = desk.doors.airbase(desk.connection).vendor(id)
    except Review as review:
        if any(found.code != "NOT_IN_AIRBASE" for found in review.problems):
            raise
        look_at_gone(desk, id)
        return None
    if raw is None:  # the tenant has no vendor call: the order knows what there is to know
        told = {"name": message.get("name", ""), "external_id": message.get("code", "")}
        return desk.vendors.get(id) or Party(id, **told)
    vendor = vendor_party(read_vendor(raw, desk.connection.profile))
    if vendor.id != id:
        raise Review([problem("NOT_THE_VENDOR", id, f"It was {vendor.id}.")])
    return vendor


def _follow(doors: Doors, connection: Connection, division: Division) -> None:
    try:
        follow_suppliers(doors, connection, division)
    except Fault as fault:  # the daily comparison finds what was left
        Case(doors.ledger, doors.ledger.read(connection.id, VENDORS)).put_aside(fault)


def _put_aside(desk: VendorDesk, vendor: Party, fault: Fault) -> None:
    open_case(desk.doors, desk.doors.ledger, desk.id, vendor).put_aside(fault)
