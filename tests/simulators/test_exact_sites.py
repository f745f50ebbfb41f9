"""Several simulators of Exact sites run side by side, and have nothing in common."""

import json
import random

import httpx
import pytest

from local.exact_simulator import build_sites, notifying, serve_sites
from ml_connector.clock import MovableClock
from tests.simulators.exact_site import DIVISION, SUMMER_NOON, open_site

SITES = ("nl", "be", "de")


def test_sites_have_their_own_apps_tokens_and_secrets_over_sockets() -> None:
    posted: dict[str, list[bytes]] = {}

    def deliver(url: str, body: bytes) -> int:
        posted.setdefault(url, []).append(body)
        return 200

    sites = build_sites(SITES, MovableClock(SUMMER_NOON), random.Random(5), deliver)
    for site in sites.values():
        site.add_division(DIVISION)
    with serve_sites(sites) as urls:
        assert list(urls) == list(SITES)
        assert len(set(urls.values())) == 3
        given = {name: httpx.post(f"{url}/_control/tokens").json() for name, url in urls.items()}
        for secret in ("client_id", "client_secret", "webhook_secret", "access_token"):
            assert len({tokens[secret] for tokens in given.values()}) == 3
        for name, url in urls.items():
            address = f"{url}/api/v1/{DIVISION}/crm/Accounts"
            headers = {"Accept": "application/json"}
            statuses = {
                other: httpx.post(
                    address,
                    headers=headers | {"Authorization": f"Bearer {tokens['access_token']}"},
                    json={"Name": f"Supplier of {name}"},
                ).status_code
                for other, tokens in given.items()
            }
            assert statuses == {other: 201 if other == name else 401 for other in SITES}
            assert httpx.get(f"{url}/_control/state").json()["site"] == name
    names = {
        name: [row["Name"] for row in site.world.divisions[DIVISION].table("crm/Accounts").values()]
        for name, site in sites.items()
    }
    assert names == {name: [f"Supplier of {name}"] for name in SITES}
    assert sites["nl"].limits.contract is sites["de"].limits.contract


def test_a_sites_notifications_carry_its_own_app_and_signature() -> None:
    bodies: list[bytes] = []

    def deliver(_url: str, body: bytes) -> int:
        bodies.append(body)
        return 200

    sites = build_sites(SITES, MovableClock(SUMMER_NOON), random.Random(5), deliver)
    for site in sites.values():
        site.add_division(DIVISION)
        site.add(
            DIVISION, "webhooks/WebhookSubscriptions", CallbackURL="https://x", Topic="Accounts"
        )
    sites["be"].add_supplier(DIVISION, "Brussel")
    with notifying(sites["de"]):
        assert sites["nl"].webhooks.pump() == []
        assert sites["be"].webhooks.pump() == [200]
    [body] = bodies
    assert json.loads(body)["Content"]["ClientId"] == sites["be"].client_id


def test_tokens_of_one_site_do_not_renew_at_another() -> None:
    nl, de = open_site("nl", seed=1), open_site("de", seed=2)
    form = {
        "grant_type": "refresh_token",
        "refresh_token": nl.simulator.issue_tokens()["refresh_token"],
        "client_id": nl.simulator.client_id,
        "client_secret": nl.simulator.client_secret,
    }
    nl.clock.move(571)
    de.clock.move(571)
    assert de.client.post("/api/oauth2/token", data=form).status_code == 401
    assert nl.client.post("/api/oauth2/token", data=form).status_code == 200


@pytest.mark.parametrize(("site", "offset"), [("nl", 7200), ("es", 7200), ("co.uk", 3600)])
def test_a_site_has_the_time_of_its_country(site: str, offset: float) -> None:
    [user] = open_site(site).client.get("/api/v1/current/Me").json()["d"]["results"]
    assert user["ServerUtcOffset"] == offset


@pytest.mark.parametrize(
    ("back", "is_accepted"),
    [
        ("https://connector.example/oauth/exact", True),
        ("http://connector.example/oauth/exact", False),
        ("https://localhost/back", False),
        ("https://app.localhost/back", False),
        ("https://127.0.0.1:8443/", False),
        ("https://[::1]/", False),
        ("https://10.0.0.4/", False),
        ("http://127.0.0.1:8000/", False),
        ("", False),
    ],
)
def test_a_redirect_uri_is_a_public_https_address(*, back: str, is_accepted: bool) -> None:
    site = open_site()
    query = {
        "client_id": site.simulator.client_id,
        "redirect_uri": back,
        "response_type": "code",
    }
    answer = site.client.get("/api/oauth2/auth", params=query)
    assert answer.status_code == (302 if is_accepted else 400)
    site.simulator.oauth.accepts_loopback = True
    told = site.client.get("/api/oauth2/auth", params=query)
    assert told.status_code == (302 if back else 400)


def test_controls_tell_a_site_to_accept_loopback() -> None:
    sites = build_sites(("nl",), MovableClock(SUMMER_NOON), random.Random(5))
    with serve_sites(sites) as urls:
        httpx.post(f"{urls['nl']}/_control/redirects", json={"accepts_loopback": True})
    assert sites["nl"].oauth.accepts_loopback
