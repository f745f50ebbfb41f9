"""Everything that the stack and its people do: samples, the demo, vendors, schedules, every verb.

What AWS would have refused on the way is in `demo.stack.rights.refusals`.
"""

import html
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from urllib.parse import parse_qs, urlsplit

import httpx

from local.demo.environment import FIRM, DemoEnvironment
from local.demo.samples import EVENTS, connect_with_samples, sample
from local.demo.scenario import Scenario
from local.exact_simulator import ExactFault
from local.firm import CONNECTION_ID, NL
from local.identity_provider import CLIENT_SECRET
from local.simulator import Response, serve
from ml_connector import clock
from ml_connector.domain.ids import AppId, ConnectionId, OrderId
from ml_connector.domain.orders.marker import marker
from ml_connector.exact.oauth import authorize_url
from ml_connector.infrastructure.consents import Consents
from ml_connector.infrastructure.places import FEW
from ml_connector.infrastructure.queues import PURCHASE_ORDERS, VENDORS, Message
from ml_connector.migrations import division_keys
from ml_connector.settings.connection import NotificationSettings, VendorPolicy
from ml_connector.stack import Stack
from tests.cli.terminal import NEEDED, Run, Terminal
from tests.cli.test_month_end import approve, type_in
from tests.console.browser import browser_of
from tests.operations.test_redrive import put as put_dead_letter
from tests.site import SITE

BACK = "https://connector.example/back"
_PROFILE = Path(__file__).parents[2] / "profiles" / "default"
_DEAD = (PURCHASE_ORDERS, VENDORS)
Words = tuple[str, ...]

_ASKED = {
    "/vendors": "/vendors/read",
    "/mappings": "/mappings/read",
    "/month": "/month/read",
    "/health": "/health/ping",
}
"""The pages of the console that ask a worker to read something, and by which form."""


class Story:
    """Plays all of it in one environment, one chapter after another."""

    def __init__(self, demo: DemoEnvironment, folder: Path) -> None:
        """People's commands write their files in `folder`."""
        self.demo = demo
        self.folder = folder
        self.typed: set[Words] = set()
        """The commands that were typed."""
        self._open = ExitStack()

    def play(self) -> None:
        """Play every chapter."""
        with self._open:
            for chapter in self.chapters():
                chapter()

    def chapters(self) -> list[Callable[[], None]]:
        """Return the chapters in their order."""
        stack = [self.samples, self.scenario, self.slack, self.vendors, self.schedules]
        stack += [self.lost_consent, self.failed_messages, self.alarms, self.console]
        return [*stack, self.read, self.operate]

    # ------------------------------------------------------------ the stack

    def samples(self) -> None:
        """The sample of every webhook, twice, and Exact's consent."""
        connect_with_samples(self.demo)
        self._consent()
        for name in sorted(path.stem for path in EVENTS.glob("*-webhook-*.json")) * 2:
            sender = "Exact" if name.startswith("exact") else "Airbase"
            self.demo.stack.invoke(f"{sender}WebhookFunction", sample(name))
            self.demo.stack.drain()

    def scenario(self) -> None:
        """The month of the demo."""
        played = Scenario(self.demo, lambda _: None)
        played.play()
        self.in_review = next(id for id, code in played.refused.items() if code == "TOTAL_MISMATCH")

    def slack(self) -> None:
        """People are told through Slack too, from now on."""
        url = self._open.enter_context(serve(lambda _: Response(200, {}, b"ok")))
        secret = {"CONNECTOR_SLACK_WEBHOOK_URL": f"{url}/services/T/B/x"}
        self.type("notify", "slack", CONNECTION_ID, env=secret)
        mailed = ("purchasing@firm.example.test",)
        self._change_settings(notify=NotificationSettings(slack=True, emails=mailed))

    def vendors(self) -> None:
        """Vendors change on both sides, while no worker of orders renews the tokens."""
        demo, vendor = self.demo, self.demo.firm.vendors["Cloudwerk"]
        policy = VendorPolicy(name="airbase_leads", email="airbase_leads", write_reference=True)
        self._change_settings(vendors=policy)
        self.demo.clock.move(3600)
        demo.exact.faults.append(ExactFault("server_error", "PUT", "crm/Accounts"))
        demo.airbase.change_vendor(vendor, email="new@cloudwerk.example")
        for _ in range(FEW):  # more than have a place in the queue
            demo.airbase.announce_vendor(vendor, "vendor.updated")
        demo.airbase.outbox.pump()
        suppliers = demo.exact.world.divisions[NL.division].table("crm/Accounts")
        changed = next(id for id, row in suppliers.items() if "Druckhaus" in row["Name"])
        demo.exact.change(NL.division, "crm/Accounts", changed, Email="new@elbe.example")
        demo.exact.webhooks.pump()
        demo.stack.drain()
        demo.wait(timedelta(hours=2))

    def schedules(self) -> None:
        """Every schedule, a day later: the tokens are idle."""
        self.demo.clock.move(timedelta(days=1))
        for schedule in reversed(self.demo.stack.template.schedules()):
            self.demo.stack.fire(schedule)
        self.demo.stack.drain()

    def lost_consent(self) -> None:
        """Exact forgets the consent: the connection halts, and goes on after another one."""
        self.demo.exact.revoke_consent()
        self.demo.clock.move(timedelta(days=1))
        self.demo.stack.fire("TokenRefreshFunctionEverySixHours")
        self.demo.wait(timedelta(minutes=1))
        self._consent()
        self.demo.wait(timedelta(minutes=20))

    def failed_messages(self) -> None:
        """A message that nobody can read fails until it is a dead letter; others come twice."""
        for queue in _DEAD:
            self.demo.services.queues.send(Message(queue, "unreadable", {"kind": "unreadable"}))
            self._deliver_again(queue)
        self.demo.stack.drain()

    def _deliver_again(self, queue: str) -> None:
        """Send a message of an event again that was handled: a queue may deliver one twice."""
        every = self.demo.services_of().inbox.received_since(datetime.min.replace(tzinfo=UTC))
        handled = next(e for e in every if e.message.queue == queue and not e.is_open)
        body = {**handled.message.body, "event_version": handled.version - 1}
        self.demo.services.queues.send(replace(handled.message, body=body), f"again {queue}")

    def alarms(self) -> None:
        """CloudWatch raises each alarm."""
        for alarm in self.demo.stack.template.of_type("AWS::CloudWatch::Alarm").values():
            for topic in alarm["AlarmActions"]:
                self.demo.stack.services.cloudwatch_publishes(topic["Ref"])

    def console(self) -> None:
        """Somebody signs in, looks at everything, asks for a retry, and signs out."""
        browser = browser_of(self.demo, "u-clerk")
        inbox = browser.get("/")
        assert inbox.status == browser.get("/health").status == 200
        assert browser.get(inbox.links("/group")[0]).status == 200
        self.demo.clock.move(61)
        page = browser.get(f"/record?of={CONNECTION_ID}&key=order%23{self.in_review}")
        assert browser.post("/record/retry", page.form("/record/retry")).status == 303
        self.demo.stack.drain()
        read = page.form("/record/read")
        assert browser.post("/record/read", read).status == 303
        for path, deed in _ASKED.items():
            assert browser.post(deed, browser.get(path).form(deed)).status == 303
        self.demo.stack.drain()
        assert browser.get(f"/audit?name={self.in_review}").status == 303
        assert browser.post("/sign-out", page.form("/sign-out")).status == 303
        admin = browser_of(self.demo, "u-admin")
        ended = admin.post("/people/end", admin.get("/people").form("/people/end"))
        assert ended.status == 303
        self._reconnect()
        self.link_in_the_console()

    def _reconnect(self) -> None:
        """An administrator has a consent asked for, and gives it with the link."""
        admin = browser_of(self.demo, "u-admin")
        sent = admin.post("/health/reconnect", admin.get("/health").form("/health/reconnect"))
        self.demo.stack.drain()
        page = admin.get(sent.to).html
        link = html.unescape(page.partition('class="button" href="')[2].partition('"')[0])
        assert httpx.get(link, follow_redirects=True).status_code == 200
        assert "is connected again since" in admin.get(sent.to).text

    def link_in_the_console(self) -> None:
        """An administrator has a vendor linked for all its orders, from the inbox."""
        demo = self.demo
        vendor = demo.airbase.add_vendor("Fresh Paint B.V.")
        lines = [demo.airbase.line("4100", "10.00")]
        demo.airbase.approve(demo.airbase.add_order("PO-4711", NL.subsidiary, vendor, lines))
        demo.stack.drain()
        browser = browser_of(demo, "u-admin")
        groups = dict.fromkeys(browser.get("/").links("/group"))
        address = next(each for each in groups if "Fresh Paint" in browser.get(each).text)
        page = browser.get(f"{address}&q=Cloudwerk")
        supplier = page.html.partition('name="exact" value="')[2].partition('"')[0]
        form = page.form("/group/decide") | {"deed": "decide", "exact": supplier, "scope": "all"}
        assert browser.post("/group/decide", form).status == 303
        demo.stack.drain()
        demo.clock.move(11)
        demo.sweep()

    # ------------------------------------------------------------ people

    def read(self) -> None:
        """What a reader may type."""
        for words in self.reading():
            self.type(*words, person="reader")

    def reading(self) -> list[Words]:
        """Return the commands that change nothing and need no secret."""
        firm, order, out = CONNECTION_ID, self.in_review, str(self.folder / "read")
        lists = self.folder / "list.csv"
        lists.write_text("id,name\n1,Cloudwerk\n", encoding="utf-8")
        match = ("--airbase", str(lists), "--exact", str(lists), "--out", out + ".matches.csv")
        return [
            ("orders", firm),
            ("orders", firm, "--search", "po", "--since", "2w", "--csv", out + ".orders.csv"),
            ("exceptions", "--csv", out + ".exceptions.csv"),
            ("exceptions", "--assigned-to", "nobody"),
            ("exceptions",),
            ("exceptions", firm),
            ("exception", "show", firm, order),
            ("audit", "show", firm, order),
            ("explain", firm, order),
            ("explain", firm, order, "--as-of", clock.now().isoformat()),
            ("audit", "verify", firm),
            ("audit", "export", firm, "--out", out + ".jsonl"),
            ("connection", "list"),
            ("vendors", "shared", firm),
            ("vendors", "status", firm),
            ("vendors", "list", firm),
            ("vendors", "show", firm, "Cloudwerk"),
            ("vendors", "export", firm, "--out", out + ".csv"),
            ("vendors", "match", *match),
            ("profile", "learn", str(_PROFILE / "order.json")),
            (
                "profile",
                "try",
                f"--profile={_PROFILE / 'profile.toml'}",
                f"--body={_PROFILE / 'body.json'}",
            ),
            ("codes",),
        ]

    def operate(self) -> None:
        """What only an operator may type."""
        for words in self.operating():
            self.demo.clock.move(61)
            self.type(*words)
            self.demo.stack.drain()

    def operating(self) -> Iterator[Words]:
        """Yield the commands that change something, call a remote or need a secret."""
        firm, nl, out = CONNECTION_ID, str(NL.key), str(self.folder / "map.csv")
        yield "connection", "show", firm
        yield "ping", firm
        yield "map", "import", firm, str(self._mappings(nl))
        yield "map", "show", firm
        yield "map", "export", firm, "--out", out
        yield "map", "import", firm, out
        yield "preview", firm, "--open"
        yield "bills", firm, "--vendor", "Cloudwerk"
        yield "webhooks", firm, "--move"
        yield "audit", "events", firm
        yield "audit", "verify", firm  # as a reader may, with rights of the operator's own
        yield "refresh", firm
        yield "fetch", firm, next(iter(self.demo.airbase.orders))
        yield from self._decisions(firm, nl)
        yield from self._odd_readings(firm, nl)
        month = f"{clock.now():%Y-%m}"
        yield "reconcile", firm, "--month", month, "--no-refresh"
        yield "reconcile", firm, "--month", month, "--wait", "1"
        type_in(self.demo, 666.0)
        yield "refresh", firm, nl
        approve(self.demo, "PO-TYPED", "666.00")
        yield "rehearse", firm, "--month", month
        yield "adopt", firm, "--rehearsed", month, "--all"
        yield "ready", firm
        yield "personal-data", "remove", firm, "Papierhandel Vos", "--reason", "asked", "--dry-run"
        yield "personal-data", "remove", firm, "Papierhandel Vos", "--reason", "asked"
        yield "notify", "email", "purchasing@example.test"
        with patch.object(Stack, "sends_mail", new=False):  # as a stack without a sender
            yield "notify", "email", "purchasing@example.test"
        yield "notify", "test", firm
        self._change_settings(notify=NotificationSettings(slack=True))
        yield "notify", "test", firm
        yield "notify", "slack", firm, "--remove"
        yield "console", "configure", "--admin", "u-second", "--grant", "reader=auditors"
        yield "console", "configure", "--secret"
        browser_of(self.demo, "u-reader")
        yield "console", "access"
        yield "console", "end-sessions"
        for queue in _DEAD:
            body = {"kind": "vendor", "connection": firm, "vendor": "v-1"}
            put_dead_letter(self.demo, Message(queue, f"{firm}#v-1", body))
            put_dead_letter(self.demo, Message(queue, "another#v-1", body | {"connection": "x"}))
        yield "redrive", firm
        yield "restored", firm, "--to", (clock.now() - timedelta(minutes=5)).isoformat()
        yield from self._connections()
        self._store_as_older_versions()
        # It waits until no worker uses older data any more: here, the clock jumps.
        self._open.enter_context(patch.object(division_keys, "_sleep", self.demo.clock.move))
        yield "migrate", "--again"

    def _store_as_older_versions(self) -> None:
        """Leave something to migrate: an order without a row by name, a link and a note."""
        tables, firm = self.demo.services.tables, CONNECTION_ID
        name = next(iter(tables.ledger.query(f"{firm}#names")))
        tables.ledger.delete(str(name["pk"]), str(name["sk"]))
        link = next(iter(tables.mappings.query(firm, "link#")))
        older = {**link, "sk": f"link#{NL.division}#v-older", "vendor": "v-older"}
        tables.mappings.put(older)
        note = {"sk": "note#older", "at": clock.now().isoformat()}
        tables.reference.put({"pk": f"{firm}#{NL.division}", **note})

    def _mappings(self, division: str) -> Path:
        """Write a file of mappings that go into several rows."""
        path = self.folder / "mappings.csv"
        lines = ("division,kind,airbase,exact", f"{division},gl_accounts,Rare,4100")
        path.write_text("\n".join([*lines, f"{division},suppliers,v-rare,101"]), encoding="utf-8")
        return path

    def _decisions(self, firm: str, division: str) -> Iterator[Words]:
        order, vendor = self.in_review, "Nieuwkomer Catering"
        yield "exception", "assign", firm, order, "Anna"
        yield "exception", "unassign", firm, order
        yield "exception", "dismiss", firm, order, "--reason", "entered by hand", "--all"
        yield "retry", firm, order
        number = type_in(self.demo, 777.0)
        yield "refresh", firm, division
        approve(self.demo, "PO-TWICE", "777.00")
        yield "adopt", firm, "PO-TWICE", "--exact-number", number
        self.demo.exact.add_supplier(NL.division, vendor + " V.O.F.", code="191")
        yield "refresh", firm, division
        self.demo.wait(timedelta(minutes=2))
        yield "vendors", "accept", firm, vendor, "--division", division
        yield "vendors", "unlink", firm, vendor, "--reason", "wrong", "--division", division
        reject = ("--supplier", "191", "--reason", "another", "--division", division)
        yield "vendors", "reject", firm, vendor, *reject
        yield "vendors", "link", firm, vendor, "191", "--reason", "it is", "--division", division
        sheet = str(self.folder / "read.csv")
        yield "vendors", "import", firm, sheet

    def _odd_readings(self, firm: str, division: str) -> Iterator[Words]:
        """A listing is suddenly empty, and another connector posts an order."""
        listing = "hrm/Costcenters"
        self.demo.exact.world.divisions[NL.division].table(listing).clear()
        yield "refresh", firm, division
        yield "map", "accept-listing", firm, division, listing, "--reason", "no longer used"
        of_another = marker(ConnectionId("another"), OrderId("po-1"), "1")
        type_in(self.demo, 888.0, remarks=of_another)
        yield "refresh", firm, division
        yield "connection", "known", firm

    def _connections(self) -> Iterator[Words]:
        division = {"division": NL.division, "subsidiaries": ["sub-nl"]}
        path = self.folder / "second.json"
        config = {"id": "second", "exact_site": "nl", "divisions": [division]}
        path.write_text(json.dumps(config), encoding="utf-8")
        servers = ("--exact-url", self.demo.exact_url, "--airbase-url", self.demo.airbase_url)
        yield "connect", "third", *servers, "--yes", "--json"
        yield "connection", "add", str(path)
        yield "connection", "set", "second", "name=Second", "--yes"
        yield "connection", "rotate", "second", "airbase"
        yield "connection", "rotate", "second", "airbase", "--finish"
        yield "connection", "consent", CONNECTION_ID, "--redirect-uri", BACK
        yield "connection", "remove", "second", "--yes"

    def type(self, *words: str, person: str = "operator", env: dict[str, str] | None = None) -> Run:
        """Run `connector WORDS` as this person; it must not fail because of AWS."""
        signing = self.demo.stack.environment(person=person)
        own = {"CONNECTOR_STACK": None, "CONNECTOR_WEBHOOK_BASE_URL": None}
        codes = map(self._code, self.demo.sites) if "consent" in words else ()
        typed = "".join(f"{code}\n" for code in codes)
        secrets = {"CONNECTOR_AIRBASE_API_KEY": self.demo.airbase.api_key}
        secrets["CONNECTOR_CONSOLE_CLIENT_SECRET"] = CLIENT_SECRET
        given = {**NEEDED, **secrets, **(env or {})}
        run = Terminal({**own, **signing}).run(*words, env=given, typed=typed)
        # No worker runs during a command, so nothing is read anew while it waits; and Exact knows
        # one app, which the firm has already.
        ends = ("were not read within 1 s", "does not accept this client id and secret")
        is_done = run.exit_code in (0, 1) or any(end in run.err for end in ends)
        assert is_done, f"{' '.join(words)}: {run.err}"
        self.typed.add(words)
        return run

    def _code(self, site: str) -> str:
        """Return a code as Exact gives it after consent in a browser."""
        id = self.demo.sites[site].client_id
        query = {"client_id": id, "response_type": "code", "redirect_uri": BACK}
        answer = httpx.get(f"{self.demo.exact_urls[site]}/api/oauth2/auth", params=query)
        return parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]

    # ------------------------------------------------------------ both

    def _change_settings(self, **changes: object) -> None:
        connections = self.demo.services.connections
        connection = connections.get(FIRM)
        assert connection is not None
        connections.save(connection.model_copy(update=changes))

    def _consent(self) -> None:
        """Let a browser follow Exact's redirect twice with a refusal and twice with a code."""
        consents = Consents(self.demo.services.tables.coordination)
        redirect_uri = self.demo.stack.outputs["ExactRedirectUri"]
        for denies in (True, False):
            self.demo.exact.oauth.denies = denies
            state = consents.create(AppId(FIRM), SITE, self.demo.exact_url, redirect_uri)
            id = self.demo.exact.client_id
            url = authorize_url(self.demo.exact_url, id, redirect_uri, state.reveal())
            for _ in range(2):
                httpx.get(url, follow_redirects=True)
