"""Whatever is sent to a control route, the answer is in words and shows a call that works."""

import json
from collections.abc import Callable

import httpx
import pytest

from local.airbase_simulator import control as airbase_control
from local.airbase_simulator.simulator import AirbaseSimulator
from local.exact_simulator import control as exact_control
from local.exact_simulator.simulator import ExactSimulator
from local.simulator import Handler, HandlerTransport

BODIES = (
    b"", b"{", b"[]", b"7", b'"x"', b"null", b'{"nonsense": 1}', b'{"order": {}}', b'{"order": 7}',
    b'{"what": "nothing"}', b'{"what": "supplier", "division": 1}', b'{"seconds": "soon"}',
    b'{"seconds": -1}', b'{"seconds": 1e300}', b'{"kind": "nonsense"}', b'{"drop": "x"}',
    b'{"language": "XX"}', b'{"lines": 3, "vendor": 1}', b'{"id": [], "name": {}}',
)  # fmt: skip
_Made = tuple[Handler, list[tuple[str, str]]]


def exact() -> _Made:
    return exact_control.with_control_routes(ExactSimulator()), list(exact_control._ROUTES)


def airbase() -> _Made:
    return airbase_control.with_control_routes(AirbaseSimulator()), list(airbase_control._ROUTES)


@pytest.mark.parametrize("made", [exact, airbase])
@pytest.mark.parametrize("body", BODIES, ids=repr)
def test_a_wrong_call_is_answered_in_words(made: Callable[[], _Made], body: bytes) -> None:
    handle, routes = made()
    client = httpx.Client(transport=HandlerTransport(handle), base_url="http://simulator")
    for method, name in routes:
        answer = client.request(method, f"/_control/{name}", content=body)
        assert answer.status_code in {200, 400}, (name, answer.text)
        if answer.status_code == 400:
            said = answer.json()
            assert "Error" not in said["error"]
            assert "()" not in said["error"]
            assert said["usage"].startswith(f"{method} /_control/{name}")


@pytest.mark.parametrize("made", [exact, airbase])
def test_a_route_that_is_not_there_names_those_that_are(made: Callable[[], _Made]) -> None:
    handle, routes = made()
    client = httpx.Client(transport=HandlerTransport(handle), base_url="http://simulator")
    answer = client.get("/_control/nowhere")
    assert answer.status_code == 404
    assert "there is no control route /_control/nowhere" in answer.json()["error"]
    assert len(answer.json()["routes"]) == len(routes)
    other = client.get("/_control/webhooks")
    assert "is called with POST, not GET" in other.json()["error"]
    assert json.loads(client.get("/_control/").text)[0].startswith("GET /_control/state")
