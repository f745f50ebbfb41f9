"""Which function answers which call."""

from ml_connector.domain.console_access import Role
from ml_console.console import Routes
from ml_console.routes import (
    audit,
    deeds,
    group,
    group_deeds,
    health,
    inbox,
    language,
    mappings,
    month,
    people,
    record,
    signing,
    vendors,
)

ROUTES = Routes(
    public={
        ("GET", "/sign-in"): signing.sign_in,
        ("GET", "/sign-in/start"): signing.start,
        ("GET", "/sign-in/answer"): signing.arrive,
        ("POST", "/language"): language.choose,
    },
    private={
        ("GET", "/"): (Role.READER, inbox.inbox),
        ("GET", "/group"): (Role.READER, group.group),
        ("POST", "/group/decide"): (Role.CLERK, group_deeds.ask),
        ("GET", "/deed"): (Role.READER, group_deeds.deed),
        ("POST", "/deed/go"): (Role.CLERK, group_deeds.go_or_undo),
        ("POST", "/deed/undo"): (Role.CLERK, group_deeds.go_or_undo),
        ("GET", "/record"): (Role.READER, record.record),
        ("GET", "/health"): (Role.READER, health.health),
        ("POST", "/record/read"): (Role.CLERK, record.read),
        ("POST", "/record/bills"): (Role.CLERK, record.bills),
        ("POST", "/record/retry"): (Role.CLERK, deeds.retry),
        ("POST", "/record/dismiss"): (Role.CLERK, deeds.dismiss),
        ("GET", "/vendors"): (Role.READER, vendors.vendors),
        ("POST", "/vendors/read"): (Role.CLERK, vendors.read),
        ("POST", "/vendors/accept"): (Role.CLERK, vendors.accept),
        ("POST", "/vendors/link"): (Role.CLERK, vendors.link),
        ("POST", "/vendors/create"): (Role.CLERK, vendors.create),
        ("POST", "/vendors/reject"): (Role.CLERK, vendors.reject),
        ("GET", "/mappings"): (Role.READER, mappings.mappings),
        ("GET", "/mappings.csv"): (Role.READER, mappings.download),
        ("POST", "/mappings/read"): (Role.CLERK, mappings.read),
        ("POST", "/mappings/map"): (Role.CLERK, mappings.map_one),
        ("POST", "/mappings/import"): (Role.CLERK, mappings.import_),
        ("GET", "/month"): (Role.READER, month.month),
        ("GET", "/month.csv"): (Role.READER, month.download),
        ("POST", "/month/read"): (Role.CLERK, month.read),
        ("POST", "/health/ping"): (Role.CLERK, health.ping),
        ("GET", "/audit"): (Role.READER, audit.audit),
        ("POST", "/audit/fetch"): (Role.CLERK, audit.fetch),
        ("GET", "/audit.jsonl"): (Role.READER, audit.download),
        ("GET", "/people"): (Role.ADMIN, people.people),
        ("POST", "/people/end"): (Role.ADMIN, people.end),
        ("POST", "/sign-out"): (Role.READER, signing.sign_out),
    },
)
"""Every call that is answered; with the role that somebody needs at least."""
