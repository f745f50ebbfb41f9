"""Airbase's key and the apps at Exact: each is tested as soon as it was given, and kept."""

from dataclasses import dataclass

import typer

from connector_cli.commands.connect.registration import registration_steps
from connector_cli.commands.connect.session import ConnectSession
from connector_cli.stack import OpenedStack
from ml_connector.connections import kept_credentials
from ml_connector.connections import secrets as connection_secrets
from ml_connector.connections.airbase_tenant import try_airbase
from ml_connector.connections.kept_credentials import Credentials
from ml_connector.connections.secrets import (
    API_KEY,
    CLIENT_ID,
    CLIENT_SECRET,
    EXACT_SIGNING,
    GivenSecrets,
    variable,
)
from ml_connector.connections.shared_use import share_apps
from ml_connector.connections.subsidiaries import Subsidiary
from ml_connector.domain.faults import Fault, Halt, Later, Problem
from ml_connector.domain.words import counted
from ml_connector.secret import Secret
from ml_connector.settings.connection import Connection, ExactSite
from ml_connector.user_errors import UserError, safe_lines

_PARTS = {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
_KEY = "api_key"


@dataclass
class CredentialSteps:
    """The steps that ask for credentials; `given` are those of the environment."""

    stack: OpenedStack
    session: ConnectSession
    given: GivenSecrets

    # ------------------------------------------------------------ Airbase

    def check_airbase(self, connection: Connection) -> list[Subsidiary] | None:
        """Return the tenant's subsidiaries, read with a key that is kept as soon as it works.

        None when Airbase does not answer and the run may go on without it.
        """
        return self.session.until_usable(
            lambda number: self._try_key(connection, self._key(connection, number))
        )

    def _key(self, connection: Connection, number: int) -> Secret:
        kept = Credentials.of_airbase(connection.id).kept(self.stack.secret_store)
        key = self.given.get(API_KEY) or kept.get(_KEY)
        if key and number == 0:
            return key
        return self._ask(API_KEY, "Airbase API key (not shown)")

    def _try_key(self, connection: Connection, key: Secret) -> list[Subsidiary] | None:
        credentials = Credentials.of_airbase(connection.id)
        try:
            found = try_airbase(self.stack, connection, GivenSecrets({API_KEY: key}))
        except Halt as halt:
            raise UserError(*safe_lines(_why_refused(halt.problem))) from halt
        except Fault as fault:
            self._keep(credentials, {_KEY: key}, verdict=None)
            if self.session.options.is_silent or not isinstance(fault, Later):
                raise
            self.session.print_line(f"Airbase: the API key is not checked yet: {fault.cause}")
            return None
        self._keep(credentials, {_KEY: key}, verdict=True)
        things = counted(len(found), "subsidiary", "subsidiaries")
        self.session.print_line(f"Airbase: the API key works; {things}.")
        return found

    # ------------------------------------------------------------ Exact's apps

    def check_app(self, connection: Connection, site: ExactSite) -> ExactSite:
        """Have Exact confirm the app of a site; return the site, with the app that it shares.

        A person at a terminal is asked again for what Exact has refused, now or before. Raises
        `UserError` when Exact refuses the client id or secret to the end.
        """

        def attempt(number: int) -> ExactSite:
            parts = self._app(site, ask_again=number > 0)
            is_over = self.session.may_try_again and number == 0
            if is_over and self._were_refused(site, parts):
                self._note(Credentials.of_site(site), verdict=False)
                raise _refused(site)
            return self._try_app(connection, site, parts)

        return self.session.until_usable(attempt)

    def _app(self, site: ExactSite, *, ask_again: bool) -> dict[str, Secret]:
        kept = Credentials.of_site(site).kept(self.stack.secret_store)
        if site.shares_app_with:
            return {}
        given = {part: self.given.get(variable(name, site.id)) for part, name in _PARTS.items()}
        known = kept | {part: each for part, each in given.items() if each}
        if not ask_again and known.keys() >= _PARTS.keys():
            return known
        if "client_id" not in known:
            self._explain_registration(site)
        asked = dict(known)
        for part in _PARTS:
            if ask_again or part not in known:
                asked[part] = self._ask_part(site, part, known.get(part))
        return asked

    def _ask_part(self, site: ExactSite, part: str, known: Secret | None) -> Secret:
        name = variable(_PARTS[part], site.id)
        # The one before is not repeated: it may be the secret, typed in the wrong place.
        before = "empty: the one given before" if known else ""
        if part == "client_id":
            how = f" ({before})" if before else ""
            answer = self.session.ask_variable(f"Exact client id at {site.site}{how}", name)
        else:
            how = f"not shown; {before}" if before else "not shown"
            answer = self.session.ask_secret(f"Exact client secret at {site.site} ({how})", name)
        return known if known and not answer.strip() else _usable(name, answer)

    def _try_app(
        self, connection: Connection, site: ExactSite, parts: dict[str, Secret]
    ) -> ExactSite:
        site = self._shared(connection, site, parts)
        if site.shares_app_with:
            self.session.print_line(f"Exact {site.site}: uses the app of {site.shares_app_with}.")
            return site
        credentials = Credentials.of_site(site)
        store = self.stack.secret_store
        if parts == credentials.kept(store) and not credentials.are_untested(store):
            self._note(credentials, verdict=True)
            return site
        was_refused = self._were_refused(site, parts)
        answer, why = self._tested(connection, site, parts)
        if answer is None and was_refused:
            answer = False
        self._keep(credentials, parts, verdict=answer)
        if answer is False:
            raise _refused(site)
        state = "Exact knows the app" if answer else f"the app is not checked yet: {why}"
        self.session.print_line(f"Exact {site.site}: {state}.")
        return site

    def _were_refused(self, site: ExactSite, parts: dict[str, Secret]) -> bool:
        credentials, store = Credentials.of_site(site), self.stack.secret_store
        return credentials.were_refused(store) and parts == credentials.kept(store)

    def _shared(
        self, connection: Connection, site: ExactSite, parts: dict[str, Secret]
    ) -> ExactSite:
        alone = connection.model_copy(update={"sites": (site,)})
        client = parts.get("client_id")
        given = GivenSecrets({variable(CLIENT_ID, site.id): client} if client else {})
        wanted = self.session.options.shares_app
        (found,) = share_apps(self.stack, alone, given, is_wanted=wanted).sites
        return found

    def _tested(
        self, connection: Connection, site: ExactSite, parts: dict[str, Secret]
    ) -> tuple[bool | None, str]:
        """Return whether Exact knows the app, and why that is not known."""
        tokens = self.stack.services.bound(connection).exact_at(site.site).tokens
        app = parts["client_id"].reveal(), parts["client_secret"]
        back = self.session.options.consent.redirect_uri or self.stack.addresses.redirect_uri
        try:
            return tokens.accepts(*app, back), "Exact's answer does not tell; consent will"
        except Later as later:
            return None, later.cause.rstrip(".")

    def _explain_registration(self, site: ExactSite) -> None:
        back = self.session.options.consent.redirect_uri or self.stack.addresses.redirect_uri
        for line in registration_steps(site.exact_base_url, back):
            typer.echo(line, err=True)

    def refuse_app(self, site: ExactSite) -> None:
        """Note that Exact has refused the app, so that it is asked for again."""
        credentials = Credentials.of_site(site)
        self._keep(credentials, credentials.kept(self.stack.secret_store), verdict=False)

    def prove_app(self, site: ExactSite) -> None:
        """Note that an untested app has proved itself: a consent was given with it."""
        credentials = Credentials.of_site(site)
        store = self.stack.secret_store
        if credentials.are_untested(store) and credentials.are_in_use(store):
            self._keep(credentials, credentials.kept(store), verdict=True)

    def ask_signing(self, connection: Connection, site: ExactSite) -> None:
        """Ask for the webhook secret that Exact shows for the app, unless there is one."""
        sender = connection_secrets.sender_of(site)
        name = connection_secrets.signing_name(connection, sender)
        kept = f"Exact's webhook secret at {site.site}"
        if connection_secrets.signing_texts(self.stack.secret_store, connection, sender):
            self.session.keep(kept)
            return
        if self.given.get(name) or not self.session.options.may_ask:
            return
        question = (
            f"Exact webhook secret at {site.site} (not shown; empty: one is generated when the "
            "connection is saved)"
        )
        if text := self.session.ask_secret(question, variable(EXACT_SIGNING, site.id)):
            _usable(name, text)
            connection_secrets.store_signing(self.stack.secret_store, connection, sender, [text])
            self.session.keep(kept)

    # ------------------------------------------------------------ both

    def _ask(self, name: str, question: str) -> Secret:
        return _usable(name, self.session.ask_secret(question, name))

    def _keep(
        self, credentials: Credentials, parts: dict[str, Secret], *, verdict: bool | None
    ) -> None:
        has_changed = kept_credentials.keep(
            self.stack, self.stack.actor, credentials, parts, verdict
        )
        self.session.report.changed |= has_changed
        self._note(credentials, verdict=verdict)

    def _note(self, credentials: Credentials, *, verdict: bool | None) -> None:
        """Note in which state the next run finds the credentials."""
        what = f"the Exact app of {credentials.site.site}" if credentials.site else "Airbase's key"
        self.session.keep(what, {True: "tested", None: "untested", False: "refused"}[verdict])


def _refused(site: ExactSite) -> UserError:
    return UserError(
        f"Exact {site.site} does not accept this client id and secret: enter both as "
        f"{site.exact_base_url} shows them for the app; an app is known at one site only"
    )


def _usable(name: str, answer: str) -> Secret:
    """Return the answer as a secret; raises `UserError` for an empty or broken one."""
    return GivenSecrets().plus({name: answer.strip()}).values[name]


def _why_refused(problem: Problem) -> str:
    """Return what to say of a key that was just given: here it is entered again, not stored."""
    remedy = problem.remedy
    if problem.code == "AIRBASE_KEY_REFUSED":
        remedy = "Copy it again from Airbase, or make a new key there and enter that one."
    return f"{problem.code}: {problem.cause} {remedy}"
