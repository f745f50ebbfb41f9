"""AWS, simulated by moto on a loopback port of this process."""

import json
import os
from collections.abc import Iterable
from functools import cache
from io import BytesIO
from threading import Lock, Thread
from typing import Any
from urllib.parse import parse_qsl
from urllib.request import ProxyHandler, Request, build_opener
from xml.sax.saxutils import escape

import boto3
from botocore.exceptions import ClientError
from cheroot.wsgi import Server
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

from local import dynamodb_limits, message_limits
from local.message_chains import MessageChains
from local.rights.endpoint import OWNER_KEY, Endpoint
from local.rights.wire import key_id_of
from local.sam_template import REGION
from local.secret_versions import SecretVersions, too_many_versions
from local.sent_mail import SentMail

# The developer's own AWS profile must not redirect calls meant for the loopback port.
_UNWANTED = ("AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS")


_OF_VERSIONS = frozenset({"PutSecretValue", "UpdateSecret", "DeleteSecret"})
_OF_ITEMS = frozenset({"PutItem", "TransactWriteItems", "BatchWriteItem", "BatchGetItem"})


# moto's own server opens a connection and a thread for each call.
_CALLS_AT_ONCE = 16
_CONNECTIONS_KEPT = 500
_KEPT_FOR = 3600  # seconds; longer than any client waits before its next call
_NOTICES_STOP_WITHIN = 0.05  # seconds


class _OneAtATime:
    """Serves one call to a service at a time: unlike AWS, moto checks and writes in two steps."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._locks: dict[str, Lock] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        service = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")[0]
        with self._locks.setdefault(service, Lock()):
            return self._app(environ, start_response)  # type: ignore[no-any-return]


class _LimitedVersions:
    """Refuses one version of a secret too many, as Secrets Manager does and moto does not."""

    def __init__(self, app: Any) -> None:
        self._app = app
        self._versions = SecretVersions()

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        service, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
        if service == "secretsmanager" and operation in _OF_VERSIONS:
            secret = str(json.loads(_body(environ))["SecretId"])
            if operation == "DeleteSecret":
                self._versions.forget(secret)
            elif not self._versions.add(secret):
                return _refused(start_response, too_many_versions(operation))
        return self._app(environ, start_response)  # type: ignore[no-any-return]


class _LimitedItems:
    """Refuses what is too large for DynamoDB."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        service, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
        if not service.startswith("DynamoDB_") or operation not in _OF_ITEMS:
            return self._app(environ, start_response)  # type: ignore[no-any-return]
        if text := dynamodb_limits.refusal(operation, json.loads(_body(environ))):
            return _refused(start_response, dynamodb_limits.invalid(text, operation))
        return self._app(environ, start_response)  # type: ignore[no-any-return]


class _CountedChains:
    """Notes every message that SQS takes, and who sent it."""

    def __init__(self, app: Any, chains: MessageChains) -> None:
        self._app = app
        self._chains = chains

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        answer: Iterable[bytes] = self._app(environ, start_response)
        if environ.get("HTTP_X_AMZ_TARGET") == "AmazonSQS.SendMessage":
            body = b"".join(answer)
            if message := json.loads(body).get("MessageId"):
                self._chains.sent(key_id_of(environ) or "", str(message))
            return [body]
        return answer


class _LimitedMessages:
    """Refuses messages that SQS or SNS does not take."""

    def __init__(self, app: Any) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if environ.get("HTTP_X_AMZ_TARGET") == "AmazonSQS.SendMessage":
            text = message_limits.refused_by_sqs(json.loads(_body(environ))["MessageBody"])
            if text:
                error = {"Error": {"Code": "InvalidParameterValue", "Message": text}}
                return _refused(start_response, ClientError(error, "SendMessage"))  # type: ignore[arg-type]
        elif "/sns/" in environ.get("HTTP_AUTHORIZATION", ""):
            form = dict(parse_qsl(_body(environ).decode(), keep_blank_values=True))
            text = message_limits.refused_by_sns(form) if form["Action"] == "Publish" else None
            if text:
                return _refused_in_xml(start_response, "InvalidParameter", text)
        return self._app(environ, start_response)  # type: ignore[no-any-return]


def _refused_in_xml(start_response: Any, code: str, text: str) -> Iterable[bytes]:
    detail = f"<Type>Sender</Type><Code>{code}</Code><Message>{escape(text)}</Message>"
    body = f"<ErrorResponse><Error>{detail}</Error></ErrorResponse>".encode()
    headers = [("Content-Type", "text/xml"), ("Content-Length", str(len(body)))]
    start_response("400 Bad Request", headers)
    return [body]


def _body(environ: dict[str, Any]) -> bytes:
    """Return the body of a request, which stays readable."""
    body: bytes = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
    environ["wsgi.input"] = BytesIO(body)
    return body


def _refused(start_response: Any, error: ClientError) -> Iterable[bytes]:
    detail = error.response["Error"]
    body = json.dumps({"__type": detail["Code"], "message": detail["Message"]}).encode()
    headers = [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))]
    start_response("400 Bad Request", headers)
    return [body]


class LocalAws:
    """One moto server. moto's state is global to the process: run only one at a time."""

    def __init__(self, port: int = 0, listen: str = "127.0.0.1") -> None:
        """Bind the port (0: a free one) of the address; `start` starts serving."""
        moto = DomainDispatcherApplication(create_backend_app)
        # Asked once for each host: it looks through its folder to answer.
        moto.get_backend_for_host = cache(moto.get_backend_for_host)  # type: ignore[method-assign]
        self.chains = MessageChains()
        self.mail = SentMail(moto)
        counted = _CountedChains(self.mail, self.chains)
        self.endpoint = Endpoint(
            _OneAtATime(_LimitedVersions(_LimitedItems(_LimitedMessages(counted))))
        )
        self._server = Server(
            (listen, port), self.endpoint, numthreads=_CALLS_AT_ONCE, timeout=_KEPT_FOR
        )
        self._server.keep_alive_conn_limit = _CONNECTIONS_KEPT
        self._server.expiration_interval = _NOTICES_STOP_WITHIN
        self._server.prepare()
        self.endpoint_url = f"http://127.0.0.1:{self._server.bind_addr[1]}"
        self._thread = Thread(target=self._server.serve, name="moto", daemon=True)
        self._session: Any = boto3.Session()
        self._clients: dict[tuple[str, str], Any] = {}

    def start(self) -> None:
        """Serve until stopped."""
        self._thread.start()

    def stop(self) -> None:
        """Delete all state and free the port."""
        reset = Request(f"{self.endpoint_url}/moto-api/reset", method="POST")  # noqa: S310  http
        try:
            build_opener(ProxyHandler({})).open(reset, timeout=30).close()
        finally:  # its threads would keep the process from ending
            self._server.stop()
            self._thread.join()

    def environment(self, key_id: str = OWNER_KEY) -> dict[str, str]:
        """Return the variables that point AWS SDKs and tools to this server, under a key."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ACCESS_KEY_ID": key_id,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }

    def client(self, service: str, key_id: str = OWNER_KEY) -> Any:
        """Return a client of one AWS service that signs with a key."""
        if (service, key_id) not in self._clients:
            self._clients[service, key_id] = self._session.client(
                service,
                region_name=REGION,
                endpoint_url=self.endpoint_url,
                aws_access_key_id=key_id,
                aws_secret_access_key="local",
            )
        return self._clients[service, key_id]


class ProcessEnvironment:
    """Sets environment variables for the process and restores them afterwards."""

    def __init__(self) -> None:
        """Start with nothing to restore."""
        self._before: dict[str, str | None] = {}

    def set(self, variables: dict[str, str]) -> None:
        """Set these variables until `restore`."""
        no_proxy = ",".join(filter(None, (os.environ.get("NO_PROXY"), "127.0.0.1,localhost")))
        wanted = {"NO_PROXY": no_proxy, "no_proxy": no_proxy} | variables
        for name in (*_UNWANTED, *wanted):
            self._before.setdefault(name, os.environ.get(name))
            os.environ.pop(name, None)
        os.environ.update(wanted)

    def restore(self) -> None:
        """Restore the previous values."""
        for name, value in self._before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value
        self._before.clear()
