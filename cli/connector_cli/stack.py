"""Open a stack by its CloudFormation outputs, as the person who runs the command."""

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from connector_cli.target import Target
from ml_connector.domain.ids import Actor
from ml_connector.stack import AIRBASE_URL, EXACT_URL, NEEDED_OUTPUTS, REDIRECT_URI, Stack
from ml_connector.user_errors import UserError

_TIMEOUTS: dict[str, Any] = {
    "connect_timeout": 5,
    "read_timeout": 20,
    "retries": {"mode": "standard", "total_max_attempts": 4},
}


class AwsClients:
    """Makes clients of AWS services for one target."""

    def __init__(self, target: Target) -> None:
        """Use the target's settings where given, otherwise the AWS SDK's defaults."""
        self._target = target
        self._session = botocore.session.get_session()

    def client(self, service: str) -> Any:
        """Return a client; a target with its own endpoint is called without a proxy."""
        target = self._target
        own: dict[str, Any] = {"proxies": {}} if target.endpoint_url else {}
        return self._session.create_client(
            service,
            region_name=target.region,
            endpoint_url=target.endpoint_url,
            aws_access_key_id=target.key_id,
            aws_secret_access_key=target.key,
            config=Config(**_TIMEOUTS, **own),
        )


class OpenedStack(Stack):
    """A stack, and the person who opened it."""

    def __init__(
        self,
        clients: AwsClients,
        name: str,
        outputs: Mapping[str, str],
        stand_ins: Mapping[str, str],
    ) -> None:
        """See `Stack`; `stand_ins` are the addresses of a local stack's simulators."""
        super().__init__(clients, name, outputs)
        self._identity = clients
        self.stand_ins = stand_ins

    @cached_property
    def actor(self) -> Actor:
        """Return who runs the command, by AWS identity, as the audit trail names them."""
        return Actor(f"connector {self._arn()}".strip())

    def _arn(self) -> str:
        try:
            return str(self._identity.client("sts").get_caller_identity()["Arn"])
        except (BotoCoreError, ClientError):
            return ""


def open_stack(target: Target) -> OpenedStack:
    """Open the stack; raise `UserError` when it does not exist or is not a connector.

    Raises `NewerDataError` when its data were written by a newer version.
    """
    clients = AwsClients(target)
    outputs = _outputs(clients.client("cloudformation"), target)
    if missing := sorted(NEEDED_OUTPUTS - outputs.keys()):
        raise UserError(
            f"stack {target.stack!r} is not a connector: it has no output {', '.join(missing)}"
        )
    stack = OpenedStack(clients, target.stack, outputs, target.stand_ins)
    stack.form.refuse_newer()
    return stack


def _outputs(cloudformation: Any, target: Target) -> dict[str, str]:
    try:
        (found,) = cloudformation.describe_stacks(StackName=target.stack)["Stacks"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "ValidationError":
            raise
        region = cloudformation.meta.region_name
        raise UserError(
            f"there is no stack {target.stack!r} in {region}: name it with --stack or "
            "CONNECTOR_STACK, and its region with --region"
        ) from error
    outputs = {one["OutputKey"]: one["OutputValue"] for one in found.get("Outputs", ())}
    if base := (target.webhook_base_url or "").rstrip("/"):
        outputs[AIRBASE_URL] = f"{base}/webhooks/airbase/{{connection}}"
        outputs[EXACT_URL] = f"{base}/webhooks/exact/{{connection}}"
        outputs[REDIRECT_URI] = f"{base}/oauth/exact"
    return outputs
