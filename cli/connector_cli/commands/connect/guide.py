"""The steps of `connector connect`: what is in place is said, what is missing is asked for."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from connector_cli.actions import connecting, connections, consent, secrets_given
from connector_cli.actions.assigning import Settings, Subsidiary
from connector_cli.actions.connection_files import checked
from connector_cli.actions.secrets_given import Given
from connector_cli.commands import consenting
from connector_cli.commands.common import ask_hidden, is_confirmed
from connector_cli.commands.connect.assigning import Assigning
from connector_cli.commands.connect.run import Missing, Run
from connector_cli.commands.connections import ask_signing, say_next_for_exact, say_webhooks
from connector_cli.complaints import Complaint
from connector_cli.printing import say
from connector_cli.stack import Stack
from ml_connector.connection import EXACT_SITES, Connection
from ml_connector.faults import Halt, Later


@dataclass
class Guide:
    """Leads through one run."""

    stack: Stack
    run: Run

    def reconnect(self, connection: Connection) -> None:
        """Have consent given again; nothing else changes."""
        self._consent(connection)
        connections.read_books(self.stack, connection)
        self.run.say(
            f"{connection.id} is connected again; what waited goes on within a quarter of an hour."
        )

    def connect(self, id: str, file: Settings | None, changes: Mapping[str, str | None]) -> None:
        """Go through all steps."""
        settings = self._begin(id, file, changes)
        known = connecting.provisional(settings)
        given = self._secrets(known)
        connecting.store_app(self.stack, known, given)
        self._exact(known)
        subsidiaries = self._airbase(known, given)
        settings = Assigning(self.run).assigned(settings, subsidiaries)
        self._save(settings, given)

    def _begin(self, id: str, file: Settings | None, changes: Mapping[str, str | None]) -> Settings:
        try:
            return connecting.begin(self.stack, id, file, **changes)
        except Complaint as complaint:
            if not any("name exact_site" in line for line in complaint.lines):
                raise
        site = self.run.asked(
            f"Exact's country site ({', '.join(EXACT_SITES)})", "--exact-site or --exact-url", "nl"
        )
        return connecting.begin(self.stack, id, file, **{**changes, "exact_site": site})

    def _secrets(self, known: Connection) -> Given:
        vault, given = self.stack.vault, Given.from_environment(os.environ)
        missing = secrets_given.names_missing(vault, known.id, given)
        if missing and self.run.wish.silent:
            raise Missing(*(f"{name} is not set" for name in missing))
        for name in missing:
            words = f"{secrets_given.NEEDED[name]} (not shown)"
            given = given.plus({name: ask_hidden(words, f"{name} is not set: nobody to ask")})
        is_stored = secrets_given.are_webhooks_stored(vault, known)["exact"]
        if is_stored or self.run.wish.silent or self.run.wish.yes:
            return given
        return ask_signing(given, "exact")

    def _exact(self, known: Connection) -> None:
        try:
            found = connecting.list_divisions(self.stack, known)
        except Halt as halt:
            if halt.problem.code not in connecting.BY_CONSENT:
                raise
            self._consent(known)
            found = connecting.list_divisions(self.stack, known)
        self.run.report.consented_by = found["consented_by"]
        self.run.report.divisions = found["divisions"]
        self.run.say(f"Exact: consent of {found['consented_by']}.")
        self.run.table(
            ("Division", "Name", "Country", "Currency", "Status"),
            [tuple(each.values()) for each in found["divisions"]],
        )

    def _consent(self, connection: Connection) -> None:
        if not self.run.wish.silent or self.run.wish.way.listen is not None:
            consenting.give(self.stack, connection, self.run.wish.way)
            return
        question = consent.start_consent(self.stack, connection, self.run.wish.way.redirect_uri)
        self.run.report.consent = question.as_dict()
        raise Missing("consent is missing: open consent.url, allow the app, then run this again")

    def _airbase(self, known: Connection, given: Given) -> list[Subsidiary]:
        found = connecting.try_airbase(self.stack, known, given)
        self.run.say(f"Airbase: the key works; {len(found)} subsidiaries.")
        return found

    def _save(self, settings: Settings, given: Given) -> None:
        connection = checked(settings, "the settings")
        id, is_saved = connection.id, connecting.is_saved(self.stack, connection, given)
        if not (is_saved or self.run.wish.yes or self.run.wish.silent):
            for each in connection.divisions:
                self.run.say(f"Division {each.division} serves {', '.join(each.subsidiaries)}.")
            if not is_confirmed(f"Save {id}?", f"{id} was not saved: use --yes", default=True):
                raise Complaint(f"{id} was not saved")
        added = connecting.save(self.stack, connection, given)
        report = self.run.report
        report.changed = added.is_changed
        report.webhooks = connections.webhook_urls(self.stack, connection)
        report.webhook_secrets_made = sorted(added.made)
        self.run.say(f"{'Saved' if added.is_changed else 'Nothing to change in'} {id}.")
        self._subscribe(connection)
        self._webhooks(added)

    def _webhooks(self, added: connections.Added) -> None:
        if self.run.wish.silent:
            return
        shown = self.run.wish.show_secrets or (
            bool(added.made) and not self.run.wish.yes and self._show()
        )
        if shown:
            say_webhooks(added.webhooks, added.made)
            say_next_for_exact(added)
            return
        say_webhooks(self.run.report.webhooks, {})
        for sender in added.made:
            say(f"A webhook secret was made for {sender}; a new one is shown by")
            say(f"  connector connection rotate {added.connection.id} {sender}")
        say_next_for_exact(added)

    def _show(self) -> bool:
        try:
            return is_confirmed("Webhook secrets were made. Show them now, this once?", "")
        except Complaint:  # nobody is there to see them
            return False

    def _subscribe(self, connection: Connection) -> None:
        if connection.exact_callback_url is None:
            self.run.say("Exact sends no notifications: exact_callback_url is not set.")
            return
        try:
            problems = connecting.subscribe(self.stack, connection)
        except Later as later:
            self.run.say(f"Subscriptions are made later by themselves: {later.cause}")
            return
        self.run.report.subscriptions = problems
        for each in problems:
            self.run.say(f"{each['code']}: {each['record']}: {each['cause']} {each['remedy']}")
        if not problems:
            self.run.say("Exact's notifications are subscribed to.")
