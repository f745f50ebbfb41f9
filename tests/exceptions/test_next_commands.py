"""An exception whose remedy names no command says which one goes on from there."""

from typing import Any

import pytest

from ml_connector.domain.exception_codes import CATALOGUE
from ml_connector.exceptions import next_commands
from ml_connector.exceptions.next_commands import next_command


def row(code: str, key: str = "order#po-1", **more: Any) -> dict[str, Any]:
    found = {"connection": "my-firm", "division": "nl.2101", "title": "PO 1"}
    return found | {"code": code, "key": key, "remedy": CATALOGUE[code].remedy} | more


@pytest.mark.parametrize(
    ("code", "key", "text"),
    [
        ("EXACT_REFUSED", "order#po-1", "`connector retry my-firm 'PO 1'`"),
        ("UNKNOWN_VENDOR", "order#po-1", "`connector vendors list my-firm --waiting`"),
        (
            "UNKNOWN_VAT_CODE", "order#po-1",
            "`connector map show my-firm --unmapped --kind vat_codes --division nl.2101`",
        ),
        (
            "PAYMENT_CONDITION_MISSING", "order#po-1",
            "`connector connection set my-firm nl.2101.default_payment_condition=CODE`",
        ),
        ("NAME_CHANGED", "vendor#v-1", "`connector vendors show my-firm v-1`"),
        ("AIRBASE_KEY_REFUSED", "connection", "`connector connect my-firm`"),
        ("EXACT_SCOPE_MISSING", "connection", "`connector connection consent my-firm`"),
        ("EXACT_LICENCE", "connection", None),
        ("POSSIBLE_DUPLICATE", "order#po-1", None),
    ],
)  # fmt: skip
def test_the_next_command_has_its_values(code: str, key: str, text: str | None) -> None:
    assert next_command(row(code, key)) == text


def test_the_codes_are_those_of_the_catalogue() -> None:
    named = (
        *next_commands._MAPPED, *next_commands._OF_VENDORS, *next_commands._SET,
        *next_commands._ASKED_BY_CONNECT, *next_commands._CONSENT,
    )  # fmt: skip
    assert set(named) <= CATALOGUE.keys()
