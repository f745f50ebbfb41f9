"""One verdict before going live: each red line says what to do."""

import json
from pathlib import Path
from typing import Any

from local.firm import NL
from local.in_memory.environment import FIRM, InMemoryEnvironment
from ml_connector.domain.ids import VendorId
from ml_connector.health.ping import ping_connection
from ml_connector.infrastructure.vendor_links import Link
from ml_connector.reference_data.refresh import refresh
from ml_connector.rehearsal.readiness import Readiness, check_readiness
from ml_connector.rehearsal.report_files import write_readiness, write_sign_off
from tests.person_stack import PERSON
from tests.rehearsal.test_rehearse import october, rehearsed, type_in


def verdict(env: InMemoryEnvironment) -> Readiness:
    found = check_readiness(env.services_of(), PERSON)
    json.dumps(found.as_dict())
    assert all(each.remedy for each in found.red), found.red
    return found


def red(found: Readiness) -> dict[str, list[str]]:
    by_area: dict[str, list[str]] = {}
    for each in found.red:
        by_area.setdefault(each.area, []).append(each.what)
    return by_area


def prepared(env: InMemoryEnvironment) -> InMemoryEnvironment:
    """Everything is in place: rehearsed, and Airbase has called; Exact is not asked to call."""
    env.connect(exact_callback_url=None)
    env.services_of().webhook_senders.note_accepted("airbase")
    october(env, "PO-1")
    rehearsed(env)
    return env


def link(env: InMemoryEnvironment, supplier: str) -> None:
    vendor = VendorId(env.firm.vendors["Cloudwerk"]["id"])
    env.services_of().vendor_links.save(Link(NL.key, vendor, supplier, "test"))  # type: ignore[arg-type]


def add_supplier(env: InMemoryEnvironment, name: str, code: str, **more: Any) -> str:
    id: str = env.exact.add_supplier(NL.division, name, code=code, **more)
    env.clock.move(61)  # the calls of a minute are soon used up
    refresh(env.services_of(), NL.key, everything=True)
    return id


def test_before_anything_was_tried_it_is_not_ready(firm: InMemoryEnvironment) -> None:
    found = red(verdict(firm))
    assert found["rehearsal"] == [
        "Nothing was rehearsed: whether mappings, vendors and call limits suffice is not known."
    ]
    assert not found.keys() & {"mappings", "vendors", "limits"}  # one line for one cause
    assert found["webhooks"] == ["Airbase has never called.", "Exact at nl has never called."]


def test_with_everything_in_place_it_is_ready(firm: InMemoryEnvironment) -> None:
    found = verdict(prepared(firm))
    assert found.red == []
    assert found.is_ready
    shown = [each.what for each in found.lines]
    assert "1 of 1 order (100%) goes through untouched." in shown
    pinged = ping_connection(firm.services_of())
    green = sum(each.ok is True for each in pinged)  # as `ping` counts them
    assert f"{green} of {len(pinged)} checks passed." in shown
    assert any("Renewed 0.0 days ago" in each for each in shown)
    assert "The busiest day takes 1 of the 5,000 calls that a day allows (under 0.1%)." in shown


def test_what_the_rehearsal_lacks_is_red(firm: InMemoryEnvironment) -> None:
    prepared(firm)
    october(firm, "PO-2", account="9999")
    october(firm, "PO-3", vendor="Nieuwkomer Catering")
    october(firm, "PO-4", "42.00")
    type_in(firm, "42.00", YourRef="PO-4")
    rehearsed(firm)
    found = verdict(firm)
    assert [each.partition(":")[0] for each in red(found)["mappings"]] == ["UNKNOWN_GL_ACCOUNT"]
    assert [each.partition(":")[0] for each in red(found)["vendors"]] == ["UNKNOWN_VENDOR"]
    (typed,) = [each for each in found.lines if "typed in by hand" in each.what]
    assert f"connector adopt {FIRM} --rehearsed 2026-10-01..2026-10-31 --all" in typed.remedy


def test_a_rehearsal_of_which_nothing_goes_through_is_red(firm: InMemoryEnvironment) -> None:
    firm.connect()
    october(firm, "PO-1", account="9999")
    october(firm, "PO-2", account="9999")
    rehearsed(firm)
    found = verdict(firm)
    assert "0 of 2 orders (0%) go through untouched." in red(found)["rehearsal"]
    assert any("2 orders need it." in each for each in red(found)["mappings"])


def test_an_old_rehearsal_does_not_count(firm: InMemoryEnvironment) -> None:
    prepared(firm)
    firm.clock.move(15 * 86_400)
    assert "rehearsal" in red(verdict(firm))


def test_suppliers_that_are_there_twice(firm: InMemoryEnvironment) -> None:
    prepared(firm)
    add_supplier(firm, "Nachtwacht", "301", VATNumber="NL 0012.34.567.B01")
    add_supplier(firm, "De Wacht", "302", VATNumber="NL001234567B01")
    found = verdict(firm)
    (line,) = [each for each in found.lines if "same VAT number" in each.what]
    assert (line.ok, line.what) == (
        None, "Suppliers with the same VAT number: 301 Nachtwacht, 302 De Wacht.",
    )  # fmt: skip
    twin = add_supplier(firm, "Cloud-Werk", "303")
    add_supplier(firm, "cloud werk", "304")
    link(firm, twin)
    (line,) = [each for each in verdict(firm).lines if "same name" in each.what]
    assert (line.ok, line.where) == (False, NL.key)


def test_a_link_to_a_supplier_that_cannot_be_used(firm: InMemoryEnvironment) -> None:
    prepared(firm)
    link(firm, add_supplier(firm, "Oud", "305", Blocked=True))
    (what,) = red(verdict(firm))["vendors"]
    assert "is linked to the supplier 305 Oud, which is blocked." in what


def test_refused_calls_are_red(firm: InMemoryEnvironment) -> None:
    prepared(firm)
    firm.clock.move(600)
    firm.services_of().webhook_senders.note_refused("airbase", "the signature does not fit")
    (what,) = red(verdict(firm))["webhooks"]
    assert "the signature does not fit" in what


def test_the_sign_off_can_be_printed(firm: InMemoryEnvironment, tmp_path: Path) -> None:
    found = verdict(prepared(firm))
    page, rows = tmp_path / "ready.html", tmp_path / "ready.csv"
    write_sign_off(found, page)
    write_readiness(found, rows)
    assert {path.stat().st_mode & 0o777 for path in (page, rows)} == {0o600}
    text = page.read_text(encoding="utf-8")
    assert "Verdict: ready to go live." in text
    assert "Signature" in text
    assert len(rows.read_text(encoding="utf-8-sig").splitlines()) == len(found.lines) + 1
