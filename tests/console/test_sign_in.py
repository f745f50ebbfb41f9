"""Sign-in: every way in which it can be wrong is refused, by a provider that lies."""

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey

from local.demo.environment import DemoEnvironment
from local.identity_provider import CLAIM, Identity
from ml_console.sign_in.attempts import cookie_name
from tests.console import hostile_provider as hostile
from tests.console.browser import Browser, Page, browser_of
from tests.console.hostile_provider import Claims, HostileProvider

SESSION = "__Host-console"


@pytest.fixture(scope="module")
def provider() -> HostileProvider:
    return HostileProvider()


@pytest.fixture(scope="module")
def demo(provider: HostileProvider) -> Iterator[DemoEnvironment]:
    with DemoEnvironment(identity=provider) as demo:
        demo.connect()
        yield demo


@pytest.fixture(autouse=True)
def _honest(demo: DemoEnvironment, provider: HostileProvider) -> Iterator[None]:
    """Each test begins with an honest provider, and not too soon after the one before."""
    provider.honest()
    demo.clock.move(301)
    yield
    provider.honest()


def query_of(address: str) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}


def is_refused(browser: Browser, page: Page, *words: str) -> bool:
    """Return whether a page says that it did not work, and nobody is signed in."""
    assert page.status in {403, 429, 502}, (page.status, page.text)
    assert "Signing in did not work" in page.text
    for each in words:
        assert each in page.text
    assert SESSION not in browser.cookies
    assert "Begin again" in page.text, "a page and no loop: it waits for a click"
    return browser.get("/").status == 303


# ------------------------------------------------------------ as it should be


def test_a_person_signs_in_and_comes_to_where_they_wanted(demo: DemoEnvironment) -> None:
    browser = browser_of(demo)
    asked = browser.get("/health")
    assert asked.to == "/sign-in?to=%2Fhealth"
    (start,) = browser.get(asked.to).links("/sign-in/start")
    assert query_of(start) == {"to": "/health"}
    page = browser.sign_in("u-reader", to="/health")
    assert (page.status, page.to) == (303, "/health")
    assert browser.get("/health").status == 200
    assert set(browser.cookies) == {SESSION}, "nothing of the sign-in stays in the browser"


def test_what_is_asked_of_the_provider(demo: DemoEnvironment) -> None:
    asked = query_of(browser_of(demo).begin())
    assert asked["response_type"] == "code"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == demo.stack.console_url + "/sign-in/answer"
    assert all(len(asked[each]) >= 43 for each in ("state", "nonce", "code_challenge"))


def test_two_tabs_sign_in_each_for_itself(demo: DemoEnvironment) -> None:
    browser = browser_of(demo)
    first, second = browser.begin("/health"), browser.begin("/")
    after_second = browser.get(browser.get(second + "&person=u-reader").to)
    after_first = browser.get(browser.get(first + "&person=u-reader").to)
    assert (after_first.to, after_second.to) == ("/health", "/")


# ------------------------------------------------------------ the state


def test_a_state_that_is_missing_unknown_used_or_old(demo: DemoEnvironment) -> None:
    browser = browser_of(demo)
    for query in ("", "?code=x", "?state=&code=x", "?state=invented&code=x"):
        assert is_refused(browser, browser.get("/sign-in/answer" + query), "was used already")
    answer = browser.get(browser.begin() + "&person=u-reader").to
    assert browser.get(answer).status == 303
    browser.cookies.pop(SESSION)
    assert is_refused(browser, browser.get(answer), "was used already")
    late = browser.get(browser.begin() + "&person=u-reader").to
    demo.clock.move(601)
    assert is_refused(browser, browser.get(late), "more than ten minutes ago")


def test_the_state_of_another_browser_signs_nobody_in(demo: DemoEnvironment) -> None:
    attacker, victim = browser_of(demo), browser_of(demo)
    answer = attacker.get(attacker.begin() + "&person=u-reader").to
    assert is_refused(victim, victim.get(answer), "another browser or tab")
    victim.begin()  # another tab of the victim's does not help
    assert is_refused(victim, victim.get(answer), "another browser or tab")
    victim.cookies[cookie_name(query_of(answer)["state"])] = "guessed"
    assert is_refused(victim, victim.get(answer), "another browser or tab")
    assert attacker.get(answer).status == 303, "and it is not used up"


def test_a_person_who_declines_is_told_so(demo: DemoEnvironment) -> None:
    browser = browser_of(demo)
    state = query_of(browser.begin())["state"]
    page = browser.get(f"/sign-in/answer?{urlencode({'state': state, 'error': '<img>'})}")
    assert is_refused(browser, page, "declined")
    assert "<img>" not in page.html


def test_an_answer_in_the_name_of_another_issuer(demo: DemoEnvironment) -> None:
    browser = browser_of(demo)
    answer = browser.get(browser.begin() + "&person=u-reader").to
    assert is_refused(browser, browser.get(answer + "&iss=https://another.example"))


# ------------------------------------------------------------ the token

TWISTS: dict[str, Callable[[Claims], Claims]] = {
    "another issuer": lambda claims: claims | {"iss": "https://another.example"},
    "issuer missing": lambda claims: {k: v for k, v in claims.items() if k != "iss"},
    "another audience": lambda claims: claims | {"aud": "another-app"},
    "several audiences": lambda claims: claims | {"aud": [claims["aud"], "another-app"]},
    "for another party": lambda claims: (
        claims | {"aud": [claims["aud"], "another-app"], "azp": "another-app"}
    ),
    "another nonce": lambda claims: claims | {"nonce": "another"},
    "nonce missing": lambda claims: {k: v for k, v in claims.items() if k != "nonce"},
    "expired": lambda claims: claims | {"exp": claims["iat"] - 61},
    "expiry missing": lambda claims: {k: v for k, v in claims.items() if k != "exp"},
    "expiry no number": lambda claims: claims | {"exp": "tomorrow"},
    "issued in the future": lambda claims: claims | {"iat": claims["iat"] + 3600},
    "not valid yet": lambda claims: claims | {"nbf": claims["iat"] + 3600},
    "subject missing": lambda claims: {k: v for k, v in claims.items() if k != "sub"},
    "subject empty": lambda claims: claims | {"sub": ""},
    "subject no text": lambda claims: claims | {"sub": 7},
}
SIGNATURES = (
    hostile.unsigned,
    hostile.with_the_public_key_as_secret,
    hostile.with_another_key,
    hostile.with_an_unknown_key,
    hostile.with_a_key_for_another_algorithm,
    hostile.broken,
    hostile.no_token,
)


@pytest.mark.parametrize("what", TWISTS)
def test_a_token_that_is_not_meant_for_us_now(
    demo: DemoEnvironment, provider: HostileProvider, what: str
) -> None:
    provider.twist = TWISTS[what]
    browser = browser_of(demo)
    assert is_refused(browser, browser.sign_in("u-admin"), "could not be verified")


@pytest.mark.parametrize("sign", SIGNATURES)
def test_a_token_that_the_provider_did_not_sign(
    demo: DemoEnvironment, provider: HostileProvider, sign: Any
) -> None:
    provider.sign = sign
    browser = browser_of(demo)
    assert is_refused(browser, browser.sign_in("u-admin"), "could not be verified")


def test_the_verifier_of_another_sign_in_gets_no_token(
    demo: DemoEnvironment, provider: HostileProvider
) -> None:
    """A code that was stolen from another sign-in is worth nothing in mine."""
    victim, thief = browser_of(demo), browser_of(demo)
    stolen = query_of(victim.get(victim.begin() + "&person=u-admin").to)["code"]
    own = query_of(thief.get(thief.begin() + "&person=u-reader").to)
    page = thief.get(f"/sign-in/answer?{urlencode(own | {'code': stolen})}")
    assert is_refused(thief, page, "refused to confirm")


def test_an_unknown_key_is_looked_for_once_in_five_minutes(
    demo: DemoEnvironment, provider: HostileProvider
) -> None:
    provider.sign = hostile.with_an_unknown_key
    browser = browser_of(demo)
    provider.calls.clear()
    for _ in range(4):
        assert is_refused(browser, browser.sign_in("u-admin"))
    assert provider.calls.count("GET /keys") == 1
    demo.clock.move(301)
    assert is_refused(browser, browser.sign_in("u-admin"))
    assert provider.calls.count("GET /keys") == 2


def test_a_key_that_was_exchanged_is_found(
    demo: DemoEnvironment, provider: HostileProvider
) -> None:
    assert browser_of(demo, "u-reader").get("/").status == 200
    before, provider.key = provider.key, ECKey.generate_key("P-256", {"kid": "key-2"})
    provider.sign = lambda own, claims: jwt.encode(
        {"alg": "ES256", "kid": "key-2"}, claims, own.key, algorithms=["ES256"]
    )
    assert browser_of(demo, "u-reader").get("/").status == 200
    provider.key = before


@pytest.mark.parametrize(
    "configured",
    [
        {"issuer": "https://another.example"},
        {"token_endpoint": "http://another.example/token"},
        {"jwks_uri": "file:///etc/passwd"},
        {"authorization_endpoint": "javascript:alert(1)"},
    ],
)
def test_a_configuration_that_leads_elsewhere(
    demo: DemoEnvironment, provider: HostileProvider, configured: dict[str, Any]
) -> None:
    demo.clock.move(86_401)
    provider.configured = configured
    browser = browser_of(demo)
    assert is_refused(browser, browser.get("/sign-in/start"), "does not answer as it should")


# ------------------------------------------------------------ who it is


def test_the_mail_address_of_a_colleague_gives_nothing(
    demo: DemoEnvironment, provider: HostileProvider
) -> None:
    """Identity is issuer and subject; a name or address can be anybody's."""
    stolen = {"email": "u-admin", "preferred_username": "u-admin", "name": "Administrator"}
    provider.twist = lambda claims: claims | stolen
    browser = browser_of(demo)
    page = browser.sign_in("u-nobody")
    assert page.status == 403
    assert "nobody has given you access" in page.text
    assert "u-nobody" in page.text, "which an administrator needs to give access"
    assert SESSION not in browser.cookies


@pytest.mark.parametrize(
    "overage",
    [{"_claim_names": {CLAIM: "src1"}, "_claim_sources": {"src1": {}}}, {"hasgroups": True}],
)
def test_too_many_groups_are_said_in_words(
    demo: DemoEnvironment, provider: HostileProvider, overage: dict[str, Any]
) -> None:
    provider.twist = lambda claims: {k: v for k, v in claims.items() if k != CLAIM} | overage
    browser = browser_of(demo)
    assert is_refused(browser, browser.sign_in("u-clerk"), "so many groups", "app roles")


@pytest.mark.parametrize("values", ["finance-readers", ["finance-readers", 7, None, ""], None, {}])
def test_a_claim_of_any_form(demo: DemoEnvironment, provider: HostileProvider, values: Any) -> None:
    provider.twist = lambda claims: claims | {CLAIM: values}
    page = browser_of(demo).sign_in("u-nobody")
    assert page.status == (303 if values and "finance-readers" in values else 403)


def test_a_hostile_name_is_shown_as_text(demo: DemoEnvironment, provider: HostileProvider) -> None:
    name = "<script>alert(1)</script>\u202e\x00" + "x" * 500
    provider.people = (*provider.people, Identity("u-hostile", name, ("finance-readers",)))
    page = browser_of(demo, "u-hostile").get("/")
    assert "<script>alert" not in page.html
    assert "&lt;script&gt;alert(1)" in page.html
    assert "\u202e" not in page.html
    assert "x" * 101 not in page.html


# ------------------------------------------------------------ around it


@pytest.mark.parametrize(
    "to",
    [
        "//evil.example", "/\\evil.example", "https://evil.example", "\\\\evil.example",
        "/\t/evil.example", "/\r\nset-cookie: x=y", "javascript:alert(1)", "evil", "",
        "///evil.example", "/ü", "/[",
    ],
)  # fmt: skip
def test_afterwards_nobody_is_sent_elsewhere(demo: DemoEnvironment, to: str) -> None:
    page = browser_of(demo).sign_in("u-reader", to=to)
    assert page.status == 303
    assert page.to in {"/", "/["}


def test_sign_ins_are_limited_for_each_address(demo: DemoEnvironment) -> None:
    _begin_a_window(demo)
    browser = browser_of(demo)
    answers = [browser.get("/sign-in/start").status for _ in range(61)]
    assert answers == [303] * 60 + [429]
    assert is_refused(browser, browser.get("/sign-in/start"), "Wait five minutes")
    demo.clock.move(301)
    assert browser.get("/sign-in/start").status == 303


def _begin_a_window(demo: DemoEnvironment) -> None:
    """Move to the start of five minutes that are counted together: a busy machine is slow."""
    demo.clock.move(300 - demo.clock() % 300)


def test_a_lost_secret_is_said(demo: DemoEnvironment) -> None:
    secrets = demo.stack.client("secretsmanager")
    name = f"{demo.stack.name}/console-client/_stack"
    kept = secrets.get_secret_value(SecretId=name)["SecretString"]
    secrets.put_secret_value(SecretId=name, SecretString="{}")
    browser = browser_of(demo)
    assert is_refused(browser, browser.sign_in("u-admin"), "connector console configure --secret")
    secrets.put_secret_value(SecretId=name, SecretString='{"client_secret": "changed-secret"}')
    assert is_refused(browser, browser.sign_in("u-admin"), "refused to confirm")
    secrets.put_secret_value(SecretId=name, SecretString=kept)
    assert browser.sign_in("u-admin").status == 303
