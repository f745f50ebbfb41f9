"""Where messages begin and end: webhooks, the vendor worker and notifications, as in `worlds`."""

from contextlib import suppress
from functools import partial
from hashlib import sha256

from botocore.exceptions import BotoCoreError, ClientError

from local.firm import NL
from local.in_memory.environment import FIRM
from ml_connector import clock
from ml_connector.domain.ids import OrderId
from ml_connector.infrastructure.inbox import Inbox
from ml_connector.infrastructure.places import Places
from ml_connector.infrastructure.webhook_secrets import WebhookSecrets
from ml_connector.infrastructure.webhook_senders import WebhookSenders
from ml_connector.notifications.send import send_due
from ml_connector.webhooks import airbase
from ml_connector.webhooks.handler import WebhookHandler, WebhookSender
from tests.aws_errors.faulty import Failure, FaultyClient, Site
from tests.aws_errors.worlds import PAUSES, FaultyEnvironment, PostingWorld
from tests.lasting_tokens import let_tokens_last
from tests.webhooks.aws import AIRBASE_EVENT, SECRET, airbase_headers, event, raw

_FOLDER = "stack/airbase-webhook"
_SENDER = WebhookSender(
    "airbase", airbase.accept, airbase.unknown_connection(), lambda _: False, airbase.is_signed
)
_ACCEPTED = 300
_A_DAY = 24 * 60


class WebhookWorld(PostingWorld):
    """From Airbase's webhook call to the order in Exact; the call meets the error.

    Airbase calls again unless it was answered with 2xx.
    """

    def __init__(self) -> None:
        """Connect; the first calls meet no error."""
        super().__init__("posting")

    def run(self, at: Site | None = None, failure: Failure | None = None) -> str:
        """Approve an order, meet the error, let everything recover; return what is wrong then."""
        env = self.env
        self.count += 1
        order = env.order(f"PO-{self.count:05}")
        id = OrderId(order["id"])
        env.clock.move(61)  # the outcome of a call is noted once a minute
        with env.plan.on(at, failure):
            is_taken = self._call(id)
        is_taken = is_taken or self._call(id)
        for minutes in PAUSES:
            env.pause(minutes)
            if self._is_at_rest(order):
                break
        env.new_process()
        return self._wrong(order) if is_taken else "the second call was not taken"

    def _call(self, order: OrderId) -> bool:
        """Call as Airbase does, a new process; return whether it was told that it was taken."""
        env = self.env
        env.aws.secrets.texts[f"{_FOLDER}/{FIRM}"] = f'{{"secrets": ["{SECRET}"]}}'
        client = FaultyClient("secretsmanager", env.plan, env.aws.secrets)
        secrets = WebhookSecrets(client, _FOLDER, airbase.parse_settings)
        table = env.memory.tables.inbox
        handler = WebhookHandler(
            _SENDER, secrets, partial(Inbox, table), env.memory.queues,
            partial(WebhookSenders, table), partial(Places, env.memory.tables.coordination),
        )  # fmt: skip
        created = clock.now().isoformat()
        body = raw(
            AIRBASE_EVENT
            | {"id": f"event of {order}", "created_date": created, "data": {"id": order}}
        )
        try:
            answer = handler.answer(event(body, airbase_headers(body), FIRM))
        except (ClientError, BotoCoreError):
            return False  # Lambda answers 500
        return int(answer["statusCode"]) < _ACCEPTED


class VendorWorld(PostingWorld):
    """From an order of a vendor without a supplier to both in Exact.

    The vendor worker's message meets the error.
    """

    def __init__(self) -> None:
        """Connect; the first vendors meet no error."""
        super().__init__("posting", vendors={"create_suppliers": True})

    def run(self, at: Site | None = None, failure: Failure | None = None) -> str:
        """Approve an order, meet the error, let everything recover; return what is wrong then."""
        env = self.env
        self.count += 1
        name = sha256(bytes([self.count % 256, self.count // 256])).hexdigest()[
            :20
        ]  # like no other
        env.firm.vendors[name] = env.airbase.add_vendor(name)
        order = env.order(f"PO-{self.count:05}", vendor=name)
        env.queue(order)
        env.new_process()
        self._deliver_one()
        env.new_process()
        with env.plan.on(at, failure), suppress(Exception):
            self._deliver_one()
        for minutes in (*PAUSES, _A_DAY):  # a count that is refused is the day's limit
            if env.record(order).state == "posted" and self._is_at_rest(order):
                break
            env.pause(minutes)
        env.new_process()
        wrong = [self._wrong(order)] if self._wrong(order) else []
        accounts = env.exact.world.divisions[NL.division].table("crm/Accounts").values()
        if (found := [str(each["Name"]).strip() for each in accounts].count(name)) != 1:
            wrong.append(f"{found} suppliers in Exact")
        return "; ".join(wrong)


class NotificationWorld:
    """From an exception to the message about it; the end of a sweep meets the error."""

    def __init__(self) -> None:
        """Connect; the first exceptions meet no error."""
        self.env = FaultyEnvironment()
        let_tokens_last(self.env)
        self.count = 0
        assert self.run() == ""
        assert self.run() == ""

    def run(self, at: Site | None = None, failure: Failure | None = None) -> str:
        """Open an exception, meet the error, sweep again; return what is wrong then."""
        env = self.env
        self.count += 1
        env.pause(60)  # whatever was sent before, the next message may go out
        line = env.airbase.line("9999", "10.00", "Nothing of ours")
        order = env.order(f"PO-{self.count:05}", lines=[line])
        env.queue(order)
        env.work()
        before = len(env.aws.sns.subjects)
        env.new_process()
        own = env.services_of()
        with env.plan.on(at, failure), suppress(Exception):  # the sweep logs it
            send_due(own)
        for minutes in (2, 2, 60):  # a message that was sent, but not noted, begins a quiet time
            env.pause(minutes)
        sent = len(env.aws.sns.subjects) - before
        left = env.services_of().outbox.waiting(100)
        wrong = [] if env.codes(order) else ["no exception"]
        wrong += [] if 1 <= sent <= 2 else [f"{sent} messages"]
        wrong += [f"{len(left)} in the outbox"] if left else []
        return "; ".join(wrong)
