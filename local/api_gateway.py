"""An HTTP API of the stack on a loopback port, with API Gateway's proxy events, payload 2.0."""

import base64
import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from local.sam_template import ApiRoute

logger = logging.getLogger(__name__)

MAX_BODY = 10 * 1024 * 1024
Invoke = Callable[[str, Any], Any]

# Bodies of these types are passed as text, all others base64-encoded.
_TEXT = re.compile(r"text/.*|application/(json|xml|javascript)", re.IGNORECASE)


@dataclass(frozen=True)
class HttpCall:
    """One HTTP request, as received."""

    method: str
    target: str
    headers: Sequence[tuple[str, str]]
    body: bytes
    source_ip: str = "127.0.0.1"


@dataclass(frozen=True)
class HttpAnswer:
    """One HTTP response to send."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cookies: Sequence[str] = ()


def proxy_event(route: ApiRoute, parameters: Mapping[str, str], call: HttpCall) -> dict[str, Any]:
    """Return the event that API Gateway passes to the route's function."""
    url = urlsplit(call.target)
    headers = _joined((name.lower(), value) for name, value in call.headers)
    cookies = headers.pop("cookie", "")
    as_text = _as_text(call.body, headers.get("content-type", ""))
    event: dict[str, Any] = {
        "version": "2.0",
        "routeKey": f"{route.method} {route.path}",
        "rawPath": url.path,
        "rawQueryString": url.query,
        "headers": headers,
        "requestContext": _request_context(route, call, headers),
        "pathParameters": dict(parameters),
        "isBase64Encoded": bool(call.body) and as_text is None,
    }
    if call.body:
        event["body"] = base64.b64encode(call.body).decode() if as_text is None else as_text
    if url.query:
        pairs = parse_qsl(url.query, keep_blank_values=True)
        event["queryStringParameters"] = _joined(pairs)
    if cookies:
        event["cookies"] = [cookie.strip() for cookie in cookies.split(";")]
    return event


def answer_of(result: Any) -> HttpAnswer:
    """Convert a function's result to an HTTP response."""
    if not isinstance(result, dict) or "statusCode" not in result:
        return _json(200, result)
    text = result.get("body") or ""
    encoded = result.get("isBase64Encoded", False)
    body = base64.b64decode(text) if encoded else text.encode()
    headers = {name.lower(): str(value) for name, value in (result.get("headers") or {}).items()}
    kind = {"content-type": "text/plain"}
    return HttpAnswer(int(result["statusCode"]), kind | headers, body, result.get("cookies") or ())


class ApiGateway:
    """An HTTP server for the routes of one API of the template."""

    def __init__(self, routes: Sequence[ApiRoute], invoke: Invoke, port: int = 0) -> None:
        """Bind the port (0: a free one); `invoke` calls a function by its logical id."""
        exact_first = sorted(routes, key=lambda route: ("+}" in route.path, "{" in route.path))
        self._routes = [(route, _pattern(route.path)) for route in exact_first]
        self._invoke = invoke
        handler = type("Handler", (_ApiHandler,), {"gateway": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", port), handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self._thread = Thread(
            target=self._server.serve_forever, args=(0.05,), name="gateway", daemon=True
        )

    def start(self) -> None:
        """Serve until stopped."""
        self._thread.start()

    def stop(self) -> None:
        """Stop and free the port."""
        if self._thread.is_alive():
            self._server.shutdown()
            self._thread.join()
        self._server.server_close()

    def answer(self, call: HttpCall) -> HttpAnswer:
        """Answer a request as API Gateway does."""
        if len(call.body) > MAX_BODY:
            return _json(413, {"message": "Request Entity Too Large"})
        for route, pattern in self._routes:
            match = pattern.fullmatch(urlsplit(call.target).path)
            if match and route.method in (call.method, "ANY"):
                parameters = {name: unquote(value) for name, value in match.groupdict().items()}
                return self._call(route.function, proxy_event(route, parameters, call))
        return _json(404, {"message": "Not Found"})

    def _call(self, function: str, event: Any) -> HttpAnswer:
        try:
            return answer_of(self._invoke(function, event))
        except Exception:  # API Gateway shows no details of a crash either
            logger.exception("%s failed on a request", function)
            return _json(500, {"message": "Internal Server Error"})


class _ApiHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gateway: ApiGateway

    def _serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = HttpCall(self.command, self.path, self.headers.items(), body, self.client_address[0])
        answer = self.gateway.answer(call)
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        for cookie in answer.cookies:
            self.send_header("Set-Cookie", cookie)
        self.send_header("Content-Length", str(len(answer.body)))
        self.end_headers()
        self.wfile.write(answer.body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815  http.server's names

    def log_message(self, format: str, *args: Any) -> None:
        logger.debug(format, *args)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+\+?)\}", path)
    return re.compile(
        "".join(
            _parameter(part) if index % 2 else re.escape(part) for index, part in enumerate(parts)
        )
    )


def _parameter(name: str) -> str:
    rest = name.endswith("+")
    return f"(?P<{name.rstrip('+')}>{'.+' if rest else '[^/]+'})"


def _joined(pairs: Any) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in pairs:
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _as_text(body: bytes, content_type: str) -> str | None:
    if not _TEXT.fullmatch(content_type.partition(";")[0].strip()):
        return None
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _request_context(route: ApiRoute, call: HttpCall, headers: Mapping[str, str]) -> dict[str, Any]:
    now = time.time()
    return {
        "accountId": "123456789012",
        "apiId": "local",
        "domainName": headers.get("host", "127.0.0.1"),
        "domainPrefix": "local",
        "http": {
            "method": call.method,
            "path": urlsplit(call.target).path,
            "protocol": "HTTP/1.1",
            "sourceIp": call.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": uuid.uuid4().hex,
        "routeKey": f"{route.method} {route.path}",
        "stage": "$default",
        "time": datetime.fromtimestamp(now, tz=UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": int(now * 1000),
    }


def _json(status: int, value: Any) -> HttpAnswer:
    return HttpAnswer(status, {"content-type": "application/json"}, json.dumps(value).encode())
