"""The roles allow every AWS call that the functions make for every kind of event.

`tests/journeys/test_scenario.py` checks the same for the full scenario.
"""

from collections.abc import Iterator

import httpx
import pytest

from local.demo.environment import FIRM, DemoEnvironment
from local.demo.samples import EVENTS, connect_with_samples, sample
from ml_connector.exact.oauth import authorize_url
from ml_connector.infrastructure.consents import Consents
from tests.template.aws_calls import CallRecorder, is_allowed, recording_calls
from tests.template.deployed import FUNCTIONS


@pytest.fixture(scope="module")
def recorder() -> Iterator[CallRecorder]:
    """The rights used by the samples of every trigger and by every schedule."""
    with DemoEnvironment() as demo, recording_calls(demo.stack) as recorder:
        _samples(demo)
        for schedule in demo.stack.template.schedules():
            demo.stack.fire(schedule)
        demo.stack.drain()
        yield recorder


def _samples(demo: DemoEnvironment) -> None:
    connect_with_samples(demo)
    _consent(demo)
    for name in sorted(path.stem for path in EVENTS.glob("*-webhook-*.json")) * 2:
        function = "ExactWebhookFunction" if name.startswith("exact") else "AirbaseWebhookFunction"
        demo.stack.invoke(function, sample(name))
        demo.stack.drain()


def _consent(demo: DemoEnvironment) -> None:
    """Let a browser follow Exact's redirect twice with a code and twice with a refusal."""
    consents = Consents(demo.services.tables.coordination)
    redirect_uri = demo.stack.outputs["ExactRedirectUri"]
    for denies in (False, True):
        demo.exact.oauth.denies = denies
        state = consents.create(FIRM, demo.exact_url, redirect_uri)
        url = authorize_url(demo.exact_url, demo.exact.client_id, redirect_uri, state.reveal())
        answers = httpx.get(url, follow_redirects=True), httpx.get(url, follow_redirects=True)
        assert [each.status_code for each in answers] == ([403, 403] if denies else [200, 200])
    demo.exact.oauth.denies = False


def test_every_call_of_the_samples_is_allowed(recorder: CallRecorder) -> None:
    assert [call for call in recorder.used if not is_allowed(call)] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_was_recorded(recorder: CallRecorder, function: str) -> None:
    assert any(call.function == function for call in recorder.used)
