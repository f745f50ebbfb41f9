"""Which division is proposed for an Airbase subsidiary, and by which words it is named."""

from typing import Any

import pytest

from ml_connector.connections.subsidiaries import (
    Subsidiary,
    assign,
    expect_known,
    propose_assignments,
)
from ml_connector.user_errors import UserError

DIVISIONS = [
    {
        "division": 1,
        "name": "Acme Nederland B.V.",
        "country": "NL",
        "currency": "EUR",
        "status": "open",
    },
    {"division": 2, "name": "Acme UK Ltd", "country": "GB", "currency": "GBP", "status": "open"},
    {
        "division": 3,
        "name": "Acme France SAS",
        "country": "FR",
        "currency": "EUR",
        "status": "blocked",
    },
    {"division": 4, "name": "Acme Twin", "country": "", "currency": "EUR", "status": "open"},
    {
        "division": 5,
        "name": "Acme Twin",
        "country": "Nederland",
        "currency": "EUR",
        "status": "open",
    },
]


@pytest.mark.parametrize(
    ("name", "code", "proposed"),
    [
        ("Acme Nederland", "", (1, "name")),
        ("ACME NEDERLAND BV", "", (1, "name")),
        ("Something else", "2", (2, "code")),
        ("Acme Nederland", "2", (2, "code")),
        ("Acme France", "", (None, "")),
        ("Acme Twin", "", (None, "")),
        ("Acme", "", (None, "")),
        ("", "", (None, "")),
    ],
)
def test_a_division_is_proposed_only_if_it_is_the_only_candidate(
    name: str, code: str, proposed: tuple[int | None, str]
) -> None:
    (found,) = propose_assignments(DIVISIONS, [Subsidiary("s", name, code)])
    assert (found["division"], found["why"]) == proposed


def test_assigning_keeps_the_settings_of_a_division_and_names_a_new_one() -> None:
    settings: dict[str, Any] = {
        "divisions": [{"division": 1, "name": "Ours", "subsidiaries": ["a"], "create_items": True}]
    }
    after = assign(settings, {1: ["a", "b"], 2: ["c"]}, DIVISIONS)["divisions"]
    assert after[0]["create_items"] is True
    assert (after[0]["name"], after[0]["subsidiaries"]) == ("Ours", ["a", "b"])
    assert after[1] == {
        "division": 2, "name": "Acme UK Ltd", "country": "GB", "currency": "GBP",
        "subsidiaries": ["c"],
    }  # fmt: skip
    assert settings["divisions"][0]["subsidiaries"] == ["a"], "what came in is not changed"


def test_a_country_that_exact_does_not_name_by_its_code_is_left_out() -> None:
    assigned = assign({}, {4: ["d"], 5: ["e"]}, DIVISIONS)["divisions"]
    assert [each.get("country") for each in assigned] == [None, None]


def test_a_blocked_division_is_kept_but_cannot_be_chosen() -> None:
    blocked: dict[str, Any] = {"divisions": [{"division": 3, "subsidiaries": ["f"]}]}
    assert len(assign(blocked, {3: ["f"]}, DIVISIONS)["divisions"]) == 1
    with pytest.raises(UserError, match="division 3 is blocked"):
        assign({}, {3: ["f"]}, DIVISIONS)
    with pytest.raises(UserError, match="division 9 is not among"):
        assign({}, {9: ["f"]}, DIVISIONS)


HQ = {"division": 10_000_001, "name": "HQ", "country": "", "currency": "", "status": "virtual"}


@pytest.mark.parametrize("divisions", [DIVISIONS, [*DIVISIONS, HQ]], ids=["not listed", "listed"])
@pytest.mark.parametrize("settings", [{}, {"divisions": [{"division": 10_000_001}]}])
def test_the_virtual_division_is_refused_with_a_reason(
    divisions: list[dict[str, Any]], settings: dict[str, Any]
) -> None:
    with pytest.raises(UserError) as caught:
        assign(settings, {1: ["a"], 10_000_001: ["b"]}, divisions)
    said = str(caught.value)
    assert "division 10000001: Exact lists no division 10000001" in said
    assert "the HQ of a Premium licence" in said
    assert "Give its subsidiaries to the divisions themselves" in said


def test_a_premium_division_that_is_listed_is_assigned() -> None:
    premium = {**DIVISIONS[0], "division": 10_000_007}
    (assigned,) = assign({}, {10_000_007: ["a"]}, [premium])["divisions"]
    assert assigned["division"] == 10_000_007


def test_a_subsidiary_is_known_by_its_key_code_and_name() -> None:
    one = Subsidiary("id-1", "Acme Nederland", "NL01")
    for word in ("id-1", "NL01", "Acme Nederland"):
        expect_known([word], [one])
        assert word in one.names
    with pytest.raises(UserError, match="no subsidiary Acme"):
        expect_known(["Acme"], [one])
    expect_known(["anything"], [])
