"""The steps of `connector connect`: show what is in place, ask for what is missing."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import typer

from connector_cli.commands import consent as consent_flow
from connector_cli.commands.common import SET_IT, ask_secret, is_confirmed
from connector_cli.commands.connect.registration import registration_steps
from connector_cli.commands.connect.session import ConnectSession, MissingInputError
from connector_cli.commands.connect.subsidiaries import SubsidiaryAssignment
from connector_cli.commands.connection import (
    ask_webhook_secrets,
    print_next_for_exact,
    print_webhooks,
)
from connector_cli.printing import print_line
from connector_cli.stack import OpenedStack
from ml_connector.connections import consent_request, manage, setup
from ml_connector.connections import secrets as given_secrets
from ml_connector.connections.airbase_tenant import try_airbase
from ml_connector.connections.files import checked
from ml_connector.connections.secrets import GivenSecrets
from ml_connector.connections.shared_use import share_apps
from ml_connector.connections.subsidiaries import Settings, Subsidiary
from ml_connector.domain.faults import Halt, Later
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.settings.exact_sites import EXACT_SITES
from ml_connector.user_errors import UserError


@dataclass
class ConnectSteps:
    """The steps of one run."""

    stack: OpenedStack
    session: ConnectSession

    def reconnect(self, connection: Connection) -> None:
        """Renew the consent; change nothing else."""
        for site in connection.sites:
            self._get_consent(site)
        manage.read_reference_data(self.stack.send, connection)
        self.session.print_line(
            f"{connection.id} is connected again; waiting orders are posted within 15 minutes."
        )

    def connect(self, id: str, file: Settings | None, changes: Mapping[str, str | None]) -> None:
        """Go through all steps."""
        settings = self._begin(id, file, changes)
        provisional = setup.provisional(settings)
        given = self._collect_secrets(provisional)
        shares_app = self.session.options.shares_app
        provisional = share_apps(self.stack, provisional, given, is_wanted=shares_app)
        (site,) = provisional.sites
        if site.shares_app_with:
            settings = {**settings, "shares_app_with": site.shares_app_with}
            given = given.without_app(site.id)
        setup.store_apps(self.stack, self.stack.actor, provisional, given)
        self._check_exact(provisional)
        subsidiaries = self._check_airbase(provisional, given)
        settings = SubsidiaryAssignment(self.session).assign(settings, subsidiaries)
        self._save(settings, given)

    def _begin(self, id: str, file: Settings | None, changes: Mapping[str, str | None]) -> Settings:
        try:
            return setup.begin(self.stack, id, file, **changes)
        except UserError as error:
            if not any("name exact_site" in line for line in error.lines):
                raise
        question = f"Exact's country site ({', '.join(EXACT_SITES)})"
        site = self.session.ask(question, "--exact-site or --exact-url", "nl")
        return setup.begin(self.stack, id, file, **{**changes, "exact_site": site})

    def _collect_secrets(self, connection: Connection) -> GivenSecrets:
        options, secret_store = self.session.options, self.stack.secret_store
        given = GivenSecrets.from_environment(os.environ)
        missing = given_secrets.missing_names(secret_store, connection, given)
        if missing and options.is_silent:
            raise MissingInputError(*(f"{name} is not set" for name in missing))
        if given_secrets.CLIENT_ID in missing:
            self._explain_registration(connection)
        for name in missing:
            question = f"{given_secrets.question(name)} (not shown)"
            given = given.plus({name: ask_secret(question, f"{name} is not set; {SET_IT}")})
        is_stored = given_secrets.are_webhooks_stored(secret_store, connection)["exact"]
        if is_stored or options.is_silent or options.yes:
            return given
        return ask_webhook_secrets(given, "exact")

    def _explain_registration(self, connection: Connection) -> None:
        redirect_uri = self.session.options.consent.redirect_uri
        back = redirect_uri or self.stack.addresses.redirect_uri
        for site in connection.sites:
            for line in registration_steps(site.exact_base_url, back):
                typer.echo(line, err=True)

    def _check_exact(self, connection: Connection) -> None:
        (site,) = connection.sites
        exact_client = self.stack.services.bound(connection).exact_at(site.site)
        try:
            found = setup.list_divisions(exact_client, site)
        except Halt as halt:
            if halt.problem.code not in setup.HALTS_NEEDING_CONSENT:
                raise
            self._get_consent(site)
            found = setup.list_divisions(exact_client, site)
        report = self.session.report
        report.consented_by = found["consented_by"]
        report.divisions = found["divisions"]
        self.session.print_line(f"Exact: consent given by {found['consented_by']}.")
        self.session.print_table(
            ("Division", "Name", "Country", "Currency", "Status"),
            [tuple(each.values()) for each in found["divisions"]],
        )
        report.unreadable_divisions = found["unreadable"]
        for each in found["unreadable"]:
            self.session.print_line(f"Left out, because it cannot be read: {each}")

    def _get_consent(self, site: ExactSite) -> None:
        options = self.session.options
        if not options.is_silent or options.consent.listen is not None:
            consent_flow.get_consent(self.stack, site, options.consent)
            return
        request = consent_request.start_consent(self.stack, site, options.consent.redirect_uri)
        self.session.report.consent = request.as_dict()
        raise MissingInputError(
            "consent is missing: open consent.url, allow the app, then run this again"
        )

    def _check_airbase(self, connection: Connection, given: GivenSecrets) -> list[Subsidiary]:
        found = try_airbase(self.stack, connection, given)
        self.session.print_line(f"Airbase: the API key works; {len(found)} subsidiaries.")
        return found

    def _save(self, settings: Settings, given: GivenSecrets) -> None:
        connection = checked(settings, "the settings")
        self._confirm(connection, given)
        added = setup.save(self.stack, self.stack.actor, connection, given)
        report = self.session.report
        report.changed = added.is_changed
        report.webhooks = manage.webhook_urls(self.stack.addresses, connection)
        report.webhook_secrets_made = sorted(added.made)
        saved = "Saved" if added.is_changed else "Nothing to change in"
        self.session.print_line(f"{saved} {connection.id}.")
        self._subscribe(connection)
        self._print_webhooks(added)

    def _confirm(self, connection: Connection, given: GivenSecrets) -> None:
        id, options = connection.id, self.session.options
        is_saved = setup.is_saved(self.stack, connection, given)
        if is_saved or options.yes or options.is_silent:
            return
        for each in connection.divisions:
            self.session.print_line(
                f"Division {each.division} serves {', '.join(each.subsidiaries)}."
            )
        if not is_confirmed(f"Save {id}?", f"{id} was not saved: pass --yes", default=True):
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
            print_line(f"A webhook secret was generated for {sender}. To replace and show it, run")
            print_line(f"  connector connection rotate {added.connection.id} {sender}")
        print_next_for_exact(added)

    def _may_show_secrets(self) -> bool:
        try:
            return is_confirmed("Webhook secrets were generated. Show them once, now?", "")
        except UserError:  # no terminal to show them on
            return False

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
