"""The steps of `connector connect`: show what is in place, ask for what is missing."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from connector_cli.commands import consent as consent_flow
from connector_cli.commands.common import NoInputError
from connector_cli.commands.connect.bookkeeping import BookkeepingStep, open_lines
from connector_cli.commands.connect.credentials import CredentialSteps
from connector_cli.commands.connect.notices import NoticeStep
from connector_cli.commands.connect.session import ConnectSession, MissingInputError
from connector_cli.commands.connect.subsidiaries import SubsidiaryAssignment
from connector_cli.commands.connection import (
    accept_differences,
    print_next_for_exact,
    print_webhooks,
)
from connector_cli.printing import print_line
from connector_cli.stack import OpenedStack
from ml_connector.connections import changes, consent_request, manage, setup, versions
from ml_connector.connections import secrets as connection_secrets
from ml_connector.connections.consent_request import ConsentRefusedError
from ml_connector.connections.files import checked
from ml_connector.connections.secrets import GivenSecrets
from ml_connector.connections.subsidiaries import Settings, Subsidiary
from ml_connector.connections.versions import Seen
from ml_connector.domain.faults import Halt, Later
from ml_connector.domain.ids import ConnectionId, division_at
from ml_connector.domain.words import command
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.settings.exact_sites import EXACT_SITES
from ml_connector.user_errors import ServiceError, UserError, safe_lines

_APP_REFUSED = "APP_CREDENTIALS_REFUSED"


@dataclass
class ConnectSteps:
    """The steps of one run."""

    stack: OpenedStack
    session: ConnectSession
    given: GivenSecrets = field(default_factory=lambda: GivenSecrets.from_environment(os.environ))

    def reconnect(self, connection: Connection, sites: tuple[str, ...]) -> None:
        """Renew the consent, of all sites or of those that are named; change nothing else."""
        if unknown := set(sites) - {site.site for site in connection.sites}:
            raise UserError(f"connection {connection.id} has no site {', '.join(sorted(unknown))}")
        for site in connection.sites:
            if not sites or site.site in sites:
                self._get_consent(site)
        manage.read_reference_data(self.stack.send, connection)
        self.session.print_line(
            f"{connection.id} is connected again; waiting orders are posted within 15 minutes."
        )

    def connect(
        self,
        id: str,
        file: Settings | None,
        sites: Mapping[str, str],
        changes: Mapping[str, str | None],
    ) -> None:
        """Go through all steps."""
        seen = versions.look(self.stack.services.connections, ConnectionId(id))
        before = seen.connection
        self.session.begin_step("Exact's country sites.")
        settings = self._begin(id, file, sites, changes)
        if before is None and file is None:
            settings = self._at_stand_ins(settings)
        connection = setup.provisional(settings)
        self._keep_draft(settings, before)
        self._expect_secrets(connection)
        self.session.begin_step("Airbase's API key.")
        subsidiaries = self._credentials.check_airbase(connection)
        self.session.begin_step("Exact's apps.")
        settings = self._check_apps(settings, connection, before)
        connection = setup.provisional(settings)
        self.session.begin_step("Exact's consent.")
        for site in connection.sites:
            self._check_exact(connection, site)
        self.session.begin_step("Divisions and subsidiaries.")
        if subsidiaries is None:
            subsidiaries = self._subsidiaries(connection)
        settings = SubsidiaryAssignment(self.session).assign(settings, subsidiaries)
        self._keep_draft(settings, before)
        self._finish(settings, seen)

    def _finish(self, settings: Settings, seen: Seen) -> None:
        before = seen.connection
        self.session.begin_step("VAT codes, payment conditions and language.")
        known = frozenset(each.division for each in before.divisions) if before else frozenset()
        client_at = self.stack.services.bound(checked(settings, "the settings")).exact_at
        settings = BookkeepingStep(self.session, client_at).choose(settings, known)
        self._keep_draft(settings, before)
        self.session.begin_step("Notifications.")
        old = {site.site for site in before.sites} if before else set()
        new = frozenset(str(setup.site_named(site)) for site in settings["sites"]) - old
        notices = NoticeStep(self.stack, self.session)
        settings = notices.choose(settings, is_new=before is None, new_sites=new)
        self._keep_draft(settings, before)
        self.session.begin_step("Save.")
        self._save(settings, seen)

    @property
    def _credentials(self) -> CredentialSteps:
        return CredentialSteps(self.stack, self.session, self.given)

    def _begin(
        self,
        id: str,
        file: Settings | None,
        sites: Mapping[str, str],
        changes: Mapping[str, str | None],
    ) -> Settings:
        try:
            return setup.begin(self.stack, id, file, sites, **changes)
        except setup.NoSiteError:
            pass
        question = f"Exact's country sites, separated by commas ({', '.join(EXACT_SITES)})"
        named = self.session.settle(question, "--exact-site or --exact-url", _site_names, "nl")
        return setup.begin(self.stack, id, file, {**sites, **named}, **changes)

    def _at_stand_ins(self, settings: Settings) -> Settings:
        """Return the settings with a local stack's simulators where no address was said."""
        urls = self.stack.stand_ins
        sites = [
            _with_address(each, urls.get(setup.site_named(each))) for each in settings["sites"]
        ]
        found = {**settings, "sites": sites}
        if airbase := urls.get("airbase") if not found.get("airbase_base_url") else None:
            found["airbase_base_url"] = airbase
        if found != settings:
            self.session.print_line(
                "Its simulators are used; --airbase-url and --exact-url name other servers."
            )
        return found

    def _keep_draft(self, settings: Settings, before: Connection | None) -> None:
        """Keep the answers for the next run, unless they are all stored already.

        Raises `UserError` for answers that contradict each other: the next run could not go on.
        """
        if setup.keep_answers(self.stack.tables.coordination, settings, before):
            self.session.keep("your answers")

    def _expect_secrets(self, connection: Connection) -> None:
        """Note which secrets have to be given; raise `MissingInputError` in a silent run."""
        store = self.stack.secret_store
        self.session.missing = connection_secrets.missing_names(store, connection, self.given)
        if self.session.missing and self.session.options.is_silent:
            raise MissingInputError(*(f"{name} is not set" for name in self.session.missing))

    def _check_apps(
        self, settings: Settings, connection: Connection, before: Connection | None
    ) -> Settings:
        sites = list(settings["sites"])
        for number, site in enumerate(connection.sites):
            if shared := self._credentials.check_app(connection, site).shares_app_with:
                sites[number] = {**sites[number], "shares_app_with": shared}
                settings = {**settings, "sites": sites}
                self._keep_draft(settings, before)
            self._credentials.ask_signing(connection, site)
        manage.import_consents(self.stack, self.stack.actor, connection, self.given)
        return settings

    def _check_exact(self, connection: Connection, site: ExactSite) -> None:
        """List the divisions of a site; get its consent first if there is none."""
        found = self.session.until_usable(lambda n: self._divisions(connection, site, n))
        self._credentials.prove_app(site)
        report = self.session.report
        report.sites.append({"site": site.site, "consented_by": found["consented_by"]})
        divisions = [
            {**each, "division": division_at(site.site, each["division"])}
            for each in found["divisions"]
        ]
        report.divisions += divisions
        self.session.print_line(f"Exact {site.site}: consent given by {found['consented_by']}.")
        self.session.keep(f"Exact's consent at {site.site}")
        self.session.print_table(
            ("Division", "Name", "Country", "Currency", "Status"),
            [tuple(each.values()) for each in divisions],
        )
        report.unreadable_divisions += found["unreadable"]
        for each in found["unreadable"]:
            self.session.print_line(
                f"Left out, because it cannot be read: {each}. Until it can, its orders are not "
                "posted: mend the division in Exact, then run this again."
            )

    def _divisions(self, connection: Connection, site: ExactSite, number: int) -> dict[str, Any]:
        if number:
            self._credentials.check_app(connection, site)  # asks again if it was refused
        exact_client = self.stack.services.bound(connection).exact_at(site.site)
        with self._noting_refusal(site):
            try:
                return setup.list_divisions(exact_client, site)
            except Halt as halt:
                if halt.problem.code not in setup.HALTS_NEEDING_CONSENT:
                    raise
            self._get_consent(site)
            self.session.keep(f"Exact's consent at {site.site}")
            return setup.list_divisions(exact_client, site)

    @contextmanager
    def _noting_refusal(self, site: ExactSite) -> Iterator[None]:
        """Note that Exact has refused the app; a person is asked for it again."""
        try:
            yield
        except Halt as halt:
            if halt.problem.code != _APP_REFUSED or site.shares_app_with:
                raise
            self._credentials.refuse_app(site)
            raise UserError(*safe_lines(str(halt))) from halt
        except ConsentRefusedError as refused:
            if refused.reason == "app":
                self._credentials.refuse_app(site)
            raise

    def _get_consent(self, site: ExactSite) -> None:
        options = self.session.options
        if not options.is_silent or options.consent.listen is not None:
            try:
                consent_flow.get_consent(self.stack, site, options.consent)
            except NoInputError as error:
                raise MissingInputError(*error.lines) from None
            return
        request = consent_request.start_consent(self.stack, site, options.consent.redirect_uri)
        self.session.report.consent = request.as_dict()
        at = f" at {site.site}" if site.id.count(".") else ""
        raise MissingInputError(
            f"consent is missing{at}: open consent.url, allow the app, then run this again"
        )

    def _subsidiaries(self, connection: Connection) -> list[Subsidiary]:
        """Try Airbase again, which did not answer before; raises `Later` if it still does not."""
        found = self._credentials.check_airbase(connection)
        if found is None:
            raise ServiceError("Airbase does not answer: without its subsidiaries nothing is saved")
        return found

    # ------------------------------------------------------------ saving

    def _save(self, settings: Settings, seen: Seen) -> None:
        connection = setup.finished(settings, seen.connection)
        given = self.given.webhook_secrets
        self._confirm(connection, given, seen)
        added = setup.save(self.stack, self.stack.actor, connection, given, seen)
        report = self.session.report
        report.changed |= added.is_changed
        report.webhooks = manage.webhook_urls(self.stack.addresses, connection)
        report.webhook_secrets_made = sorted(added.made)
        saved = "Saved" if report.changed else "Nothing to change in"
        self.session.print_line(f"{saved} {connection.id}.")
        self._subscribe(connection)
        self._print_webhooks(added)
        self._print_next(connection)

    def _confirm(self, connection: Connection, given: GivenSecrets, seen: Seen) -> None:
        id, options = connection.id, self.session.options
        found = changes.from_before(seen.connection, connection)
        self.session.report.differences = [each.text for each in found]
        accept_differences(
            id, found, "--drop", is_accepted=options.drops, is_silent=options.is_silent
        )
        if setup.is_saved(self.stack, connection, given) or not options.may_ask:
            return
        for each in connection.divisions:
            codes = [
                f"VAT code {each.default_vat_code or 'open'}",
                f"payment condition {each.default_payment_condition or 'open'}",
            ]
            self.session.print_line(
                f"Division {each.division} serves {', '.join(each.subsidiaries)}; "
                f"{', '.join(codes)}."
            )
        if not self.session.is_confirmed(f"Save {id}?", f"{id} was not saved: pass --yes"):
            raise UserError(f"{id} was not saved")

    def _print_webhooks(self, added: manage.Added) -> None:
        options = self.session.options
        if options.is_silent:
            return
        if options.show_secrets or (added.made and not options.yes and self._may_show_secrets()):
            print_webhooks(added.webhooks, added.made)
            print_next_for_exact(added)
            return
        print_webhooks(self.session.report.webhooks, {})
        for sender in added.made:
            replaced = command("connection", "rotate", added.connection.id, sender)
            print_line(f"A webhook secret was generated for {sender}; {replaced} replaces it")
            print_line("and shows the new one.")
        print_next_for_exact(added)

    def _may_show_secrets(self) -> bool:
        try:
            return self.session.is_confirmed(
                "Webhook secrets were generated. Show them once, now?", ""
            )
        except NoInputError:  # no terminal to show them on
            return False

    def _print_next(self, connection: Connection) -> None:
        id, report = connection.id, self.session.report
        steps = [
            f"enter {report.webhooks['airbase']} and its secret as webhook in Airbase",
            f"see that everything works: {command('ping', id)}",
            f"see what would be posted: {command('preview', id, '--open')}",
            f"see who is told of exceptions: {command('notify', 'test', id)}",
            *open_lines(id, report.left_open),
        ]
        report.next = steps
        if report.changed:
            for number, step in enumerate(steps, 1):
                self.session.print_line(f"Next, {number}: {step}")

    def _subscribe(self, connection: Connection) -> None:
        if all(site.exact_callback_url is None for site in connection.sites):
            self.session.print_line("Exact sends no notifications: exact_callback_url is not set.")
            return
        try:
            problems = setup.subscribe(self.stack, self.stack.actor, connection)
        except Later as later:
            self.session.print_line(f"Subscriptions will be created later: {later.cause}")
            return
        self.session.report.subscriptions = problems
        for each in problems:
            self.session.print_line(
                f"{each['code']}: {each['record']}: {each['cause']} {each['remedy']}"
            )
        if not problems:
            self.session.print_line("Subscribed to Exact's notifications.")


def _with_address(site: Settings, url: str | None) -> Settings:
    return site if site.get("exact_base_url") or not url else {**site, "exact_base_url": url}


def _site_names(text: str) -> dict[str, str]:
    """Return the sites that a person names, separated by commas; raises `UserError`."""
    names = [name for word in text.split(",") if (name := word.strip().lower())]
    if unknown := [name for name in names if name not in EXACT_SITES]:
        raise UserError(
            f"{', '.join(unknown)} is not one of Exact's sites: {', '.join(EXACT_SITES)}"
        )
    if not names:
        raise UserError("name at least one site")
    return dict.fromkeys(names, "")
