"""What the functions really call, set off by every kind of event, is what their roles allow.

The whole story is watched where it is told: `tests/journeys/test_story.py`.
"""

from collections.abc import Iterator

import httpx
import pytest

from local.samples import EVENTS, connect_with_samples, sample
from local.scene import FIRM, Scene
from ml_connector.doors.consents import Consents
from ml_connector.exact.oauth import authorize_url
from tests.template.deployed import FUNCTIONS
from tests.template.watching import Watch, is_allowed, watched


@pytest.fixture(scope="module")
def watch() -> Iterator[Watch]:
    """What the samples of every trigger, and every schedule, made use of."""
    with Scene() as scene, watched(scene.stack) as watch:
        _samples(scene)
        for schedule in scene.stack.blueprint.schedules():
            scene.stack.fire(schedule)
        scene.stack.drain()
        yield watch


def _samples(scene: Scene) -> None:
    connect_with_samples(scene)
    _consent(scene)
    for name in sorted(path.stem for path in EVENTS.glob("*-webhook-*.json")) * 2:
        function = "ExactWebhookFunction" if name.startswith("exact") else "AirbaseWebhookFunction"
        scene.stack.invoke(function, sample(name))
        scene.stack.drain()


def _consent(scene: Scene) -> None:
    """Let a browser come back from Exact twice, with a code, and once with a refusal."""
    consents = Consents(scene.doors.coordination)
    back = scene.stack.outputs["ExactRedirectUri"]
    for denies in (False, True):
        scene.exact.oauth.denies = denies
        state = consents.ask(FIRM, scene.exact_url, back)
        url = authorize_url(scene.exact_url, scene.exact.client_id, back, state.reveal())
        answers = httpx.get(url, follow_redirects=True), httpx.get(url, follow_redirects=True)
        assert [each.status_code for each in answers] == ([403, 403] if denies else [200, 200])
    scene.exact.oauth.denies = False


def test_every_call_of_the_samples_is_allowed(watch: Watch) -> None:
    assert [call for call in watch.used if not is_allowed(call)] == []


@pytest.mark.parametrize("function", FUNCTIONS)
def test_every_function_was_watched_at_work(watch: Watch, function: str) -> None:
    assert any(call.function == function for call in watch.used)
