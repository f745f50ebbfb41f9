"""What AWS's own services ask for when they act for the stack, under their own names."""

from collections.abc import Mapping

from local.rights.calls import Need
from local.rights.policies import Principal
from local.rights.stack_policies import API_GATEWAY, CLOUDWATCH, LAMBDA, SCHEDULER
from local.rights.stack_rights import StackRights

API_ID = "local"
_INVOKE = "lambda:InvokeFunction"


class NotAuthorizedError(Exception):
    """A service of AWS lacks a right; the text is AWS's sentence."""


class AwsServices:
    """Lambda, API Gateway, EventBridge Scheduler and CloudWatch, as they act for one stack."""

    def __init__(self, rights: StackRights) -> None:
        """Ask `rights`."""
        self._rights = rights
        self._policies = rights.policies
        self._resolver = rights.policies.resolver

    def lambda_assumes(self, function: str) -> Principal:
        """Return the session in which a function (by logical id) runs."""
        return self._assume(LAMBDA, function, self._resolver.resolve({"Ref": function}))

    def scheduler_assumes(self, schedule: str) -> Principal:
        """Return the session in which a schedule reaches its target."""
        return self._assume(SCHEDULER, schedule, schedule)

    def lambda_writes_logs(self, function: str, session: Principal) -> None:
        """Write to the function's log group in its role; without one nothing is asked."""
        logging = self._policies.properties(function).get("LoggingConfig")
        if logging is not None:
            stream = self._resolver.arn(logging["LogGroup"]["Ref"])[:-1] + "log-stream:local"
            for action in ("CreateLogStream", "PutLogEvents"):
                self._ask(session, Need(f"logs:{action}", stream, {}))

    def gateway_invokes(self, function: str, method: str, path: str) -> None:
        """Invoke the function of a route."""
        route = f"execute-api:{{region}}:{{account}}:{API_ID}/$default/{method}{path}"
        gateway = Principal(API_GATEWAY, service=API_GATEWAY)
        self._invoke(gateway, function, {"aws:sourcearn": self._resolver.place.arn(route)})

    def scheduler_invokes(self, session: Principal, function: str) -> None:
        """Invoke a function in a schedule's session."""
        self._invoke(session, function, {})

    def cloudwatch_publishes(self, topic: str) -> None:
        """Send an alarm to a topic."""
        account = self._resolver.place.account
        cloudwatch = Principal(CLOUDWATCH, service=CLOUDWATCH)
        of = {"aws:sourceaccount": (account,), "aws:sourceowner": (account,)}
        for need in self._rights.calls.topic("Publish", self._resolver.arn(topic)):
            self._ask(cloudwatch, Need(need.action, need.resource, {**need.context, **of}))

    def _assume(self, service: str, asker: str, session: str) -> Principal:
        role = self._policies.role_of(asker)
        if role is None:
            raise NotAuthorizedError(f"{asker} has no role of this stack")
        account = {"aws:sourceaccount": (self._resolver.place.account,)}
        trust = Need("sts:AssumeRole", self._resolver.arn(role), account)
        self._ask(Principal(service, service=service), trust)
        return self._policies.role_session(role, session)

    def _invoke(self, by: Principal, function: str, context: Mapping[str, str]) -> None:
        tuples = {name: (value,) for name, value in context.items()}
        self._ask(by, Need(_INVOKE, self._resolver.arn(function), tuples))

    def _ask(self, by: Principal, need: Need) -> None:
        if refusal := self._rights.first_refusal(by, [need]):
            raise NotAuthorizedError(str(refusal))
