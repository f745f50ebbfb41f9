"""Who is notified: the connector by Exact, people by e-mail or Slack."""

import os
from dataclasses import dataclass

from connector_cli.commands.connect.session import ConnectSession
from connector_cli.stack import OpenedStack
from ml_connector.connections.setup import site_named
from ml_connector.connections.subsidiaries import Settings
from ml_connector.domain.ids import ConnectionId
from ml_connector.notifications import setup as notifications
from ml_connector.secret import Secret


@dataclass
class NoticeStep:
    """The step that asks for notifications, of a connection that is not saved yet."""

    stack: OpenedStack
    session: ConnectSession

    def choose(self, settings: Settings, *, is_new: bool, new_sites: frozenset[str]) -> Settings:
        """Return the settings as chosen; a Slack address is kept as soon as it was given."""
        if not self.session.options.may_ask:
            return settings
        sites = [
            self._site(site) if site_named(site) in new_sites else site
            for site in settings["sites"]
        ]
        settings = {**settings, "sites": sites}
        return self._people(settings) if is_new else settings

    def _site(self, site: Settings) -> Settings:
        url = site.get("exact_callback_url")
        question = f"Let Exact {site_named(site)} report changes of its records to {url}?"
        if url and not self.session.is_confirmed(question, "input needed: pass --yes"):
            return {**site, "exact_callback_url": None}
        return site

    def _people(self, settings: Settings) -> Settings:
        if self.stack.tells_by_mail:
            subscribers = notifications.mail_subscribers(self.stack.topic)
            self.session.print_line(f"E-mail: {notifications.heard_by(subscribers)}.")
            self.session.until_usable(lambda _: self._mail(str(settings["id"])))
        else:
            self.session.print_line(f"{notifications.MAIL_IS_OFF}.")
        if not settings.get("notify", {}).get("slack"):
            settings = self._slack(settings)
        return settings

    def _mail(self, id: str) -> None:
        question = "E-mail addresses for new exceptions, separated by commas (- for none)"
        text = self.session.ask(question, "NotificationEmail to the stack", "-")
        addresses = [word.strip() for word in text.split(",") if word.strip() not in {"", "-"}]
        if not addresses:
            return
        mails = notifications.subscribe_mail(self.stack, self.stack.actor, id, addresses)
        for each in mails:
            self.session.print_line(notifications.mail_state(each))
        self.session.keep("the e-mail addresses")

    def _slack(self, settings: Settings) -> Settings:
        def attempt(_: int) -> bool:
            given = os.environ.get(notifications.SLACK_URL, "").strip()
            url = given or self.session.ask_secret(
                "Slack webhook URL for new exceptions (not shown; empty: none)",
                notifications.SLACK_URL,
            )
            if url:
                id = ConnectionId(settings["id"])
                language = settings.get("notify", {}).get("language", "en")
                notifications.try_slack(self.stack.http, id, Secret(url), language)
                self.session.print_line("Slack: a test message was sent.")
                notifications.keep_slack(self.stack, self.stack.actor, id, Secret(url))
                self.session.keep("Slack's address")
            return bool(url)

        if not self.session.until_usable(attempt):
            return settings
        return {**settings, "notify": {**settings.get("notify", {}), "slack": True}}
