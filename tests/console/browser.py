"""A browser without scripts: it keeps cookies, says where a call comes from, and sends forms."""

import html
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

import httpx

from local.demo.environment import DemoEnvironment

_TRUSTED = ssl.create_default_context()  # made once: making it takes longer than a call


@dataclass
class Page:
    """A page that was answered."""

    answer: httpx.Response

    @property
    def status(self) -> int:
        return self.answer.status_code

    @property
    def html(self) -> str:
        return self.answer.text

    @property
    def text(self) -> str:
        """Return what people read, in one line."""
        shown = re.sub(r"<(script|style|title)\b.*?</\1>", " ", self.html, flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", shown)).split())

    @property
    def to(self) -> str:
        return self.answer.headers["location"]

    def links(self, path: str) -> list[str]:
        found = re.findall(r'href="([^"]+)"', self.html)
        return [html.unescape(each) for each in found if html.unescape(each).startswith(path)]

    def form(self, action: str) -> dict[str, str]:
        """Return the hidden fields of the first form with this action."""
        found = re.search(
            rf'<form[^>]*action="{re.escape(action)}".*?</form>', self.html, re.DOTALL
        )
        assert found, f"no form {action} on {self.text[:200]}"
        fields = re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', found[0])
        return {name: html.unescape(value) for name, value in fields}

    def has_form(self, action: str) -> bool:
        return f'action="{action}"' in self.html


@dataclass
class Browser:
    """One person's browser, at one console."""

    origin: str
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, address: str, **headers: str) -> Page:
        return self._call("GET", address, {"sec-fetch-site": "same-origin"} | headers)

    def post(
        self,
        address: str,
        form: Mapping[str, str | list[str]],
        headers: Mapping[str, str] | None = None,
    ) -> Page:
        ours = {"sec-fetch-site": "same-origin", "origin": self.origin}
        kind = {"content-type": "application/x-www-form-urlencoded"}
        return self._call("POST", address, kind | dict(ours if headers is None else headers), form)

    def begin(self, to: str = "/") -> str:
        """Begin a sign-in; return the address at the identity provider."""
        page = self.get(
            "/sign-in/start" if to == "/" else "/sign-in/start?" + urlencode({"to": to})
        )
        assert page.status == 303, page.text
        return page.to

    def sign_in(self, subject: str, to: str = "/") -> Page:
        """Sign in at the local identity provider; return the answer with the session."""
        return self.get(self.get(self.begin(to) + f"&person={subject}").to)

    def _call(
        self, method: str, address: str, headers: Mapping[str, str], form: Any = None
    ) -> Page:
        url = address if address.startswith("http") else self.origin + address
        ours = urlsplit(url).netloc == urlsplit(self.origin).netloc
        kept = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        sent = {**headers, **({"cookie": kept} if ours and kept else {})}
        body = urlencode(form, doseq=True) if form is not None else None
        answer = httpx.request(method, url, headers=sent, content=body, timeout=20, verify=_TRUSTED)
        if ours:
            self._keep(answer)
        return Page(answer)

    def _keep(self, answer: httpx.Response) -> None:
        for each in answer.headers.get_list("set-cookie"):
            assert each.endswith("; Secure; HttpOnly; SameSite=Lax"), each
            assert "; Path=/;" in each, "which the prefix __Host- asks for"
            name, _, value = each.partition(";")[0].partition("=")
            assert name.startswith("__Host-"), name
            if "Max-Age=0" in each:
                self.cookies.pop(name, None)
            else:
                self.cookies[name] = value


def browser_of(demo: DemoEnvironment, subject: str | None = None) -> Browser:
    """Return a new browser, in which somebody is signed in."""
    browser = Browser(demo.stack.console_url)
    if subject:
        page = browser.sign_in(subject)
        assert (page.status, page.to) == (303, "/"), page.text
    return browser
