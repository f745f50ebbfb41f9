"""Pages and exceptions in every language: no text is missing, and what is filled in fits."""

import html
import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from local.demo.environment import DemoEnvironment
from local.sam_template import TEMPLATE
from ml_connector.domain.exception_codes import problem
from ml_connector.languages import figures, po_files
from ml_connector.languages.exception_texts import in_words
from ml_connector.languages.locales import LOCALES
from ml_console.texts import best_texts, texts_in
from tests.console.browser import browser_of

KINDS = ("pages", "messages", "exceptions")
OTHERS = [language for language in LOCALES if language != "en"]
_KEPT = re.compile(r"%\(\w+\)s|\{\w+\}|`[^`]*`|\b[a-z]+(?:_[a-z]+)+\b")
"""What is filled in, commands, and names of settings: the same in every language."""


def catalogues() -> Any:
    """Return the script that keeps the catalogues."""
    path = TEMPLATE.parent / "layers" / "console" / "catalogues.py"
    spec = importlib.util.spec_from_file_location("catalogues", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def entries(kind: str, language: str) -> list[po_files.PoEntry]:
    folder: Path = catalogues().FOLDERS[kind]
    return po_files.read((folder / f"{kind}.{language}.po").read_text("utf-8"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated(kind: str, language: str) -> None:
    found = {(each.text, each.plural) for each in entries(kind, language) if each.is_translated}
    told = "run `make catalogues` and translate what it adds"
    assert found - {("", "")} == catalogues().texts(kind), told


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_keeps_what_is_filled_in_and_commands(kind: str, language: str) -> None:
    for each in entries(kind, language):
        if each.text and each.is_translated:
            for source, translation in zip(
                (each.text, each.plural), each.translations, strict=False
            ):
                assert set(_KEPT.findall(translation)) == set(_KEPT.findall(source)), each


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_compiled_says_what_was_written(language: str) -> None:
    texts = texts_in(language)
    for kind in KINDS:
        for each in entries(kind, language):
            if each.text and not each.plural:
                assert texts.say(each.text) == each.translations[0]
    one, many = texts.count("%(number)s case", "%(number)s cases", 1), "%(number)s cases"
    assert one != texts.count("%(number)s case", many, 1200)


@pytest.mark.parametrize(
    ("language", "money", "moment", "none"),
    [
        ("en", "EUR 1,234,567.80", "5 Mar 2026, 09:05", "0 cases"),
        ("nl", "EUR 1.234.567,80", "5 mrt 2026, 09:05", "0 gevallen"),
        ("de", "1.234.567,80 EUR", "05.03.2026, 09:05", "0 Fälle"),
        ("fr", "1\u202f234\u202f567,80 EUR", "5 mars 2026 à 09:05", "0 cas"),
    ],
)
def test_numbers_and_moments_are_written_as_their_readers_do(
    language: str, money: str, moment: str, none: str
) -> None:
    locale = LOCALES[language]
    assert figures.amount("EUR 1234567.80", locale) == money
    assert figures.amount("as agreed", locale) == "as agreed"
    assert figures.moment("2026-03-05T09:05:59+00:00", locale) == moment
    assert texts_in(language).count("%(number)s case", "%(number)s cases", 0) == none
    assert locale.number(-7) == "-7"


@pytest.mark.parametrize(
    ("accepted", "chosen", "language"),
    [
        ("nl-BE,nl;q=0.9,en;q=0.8", "", "nl"),
        ("sv,fr;q=0.4,de;q=0.7", "", "de"),
        ("sv", "", "en"),
        ("nl", "fr", "fr"),
        ("nl", "xx", "nl"),
        ("", "", "en"),
    ],
)
def test_the_language_is_the_chosen_one_or_the_browsers(
    accepted: str, chosen: str, language: str
) -> None:
    assert best_texts(accepted, chosen).language == language


def test_a_person_chooses_a_language_and_keeps_it(demo: DemoEnvironment) -> None:
    browser = browser_of(demo, "u-clerk")
    assert "5.000,00 EUR" in browser.get("/", **{"accept-language": "de-DE"}).text
    chosen = browser.post("/language", {"language": "fr", "to": "/health"})
    assert (chosen.status, chosen.to) == (303, "/health")
    page = browser.get("/", **{"accept-language": "de-DE"})
    assert 'lang="fr"' in page.html
    assert "Se déconnecter" in page.text
    assert browser.post("/language", {"language": "xx", "to": "/"}).status == 400
    assert browser.post("/language", {"language": "nl", "to": "//evil.example"}).to == "/"


def test_a_name_or_code_that_looks_like_a_figure_stays_as_it_is() -> None:
    texts = texts_in("de")
    named = problem("UNKNOWN_VENDOR", "PO-1", division="nl.2101", vendor="TOP 1000")
    coded = problem("GL_ACCOUNT_BLOCKED", "PO-1", division="nl.2101", account="4100.10")
    for found, name in ((named, "TOP 1000"), (coded, "4100.10")):
        shown = in_words(texts, found.code, found.cause)
        assert shown != found.cause, "it is in German"
        assert f" {name} " in shown


def test_the_inbox_and_a_group_say_causes_and_remedies_in_the_readers_language(
    demo: DemoEnvironment,
) -> None:
    browser = browser_of(demo, "u-clerk")
    dutch = {"accept-language": "nl-NL"}
    inbox = browser.get("/", **dutch)
    assert "is geblokkeerd in administratie" in inbox.text
    assert "is blocked in" not in inbox.text
    address = html.unescape(re.findall(r'href="(/group\?[^"]+)"', inbox.html)[0])
    group = browser.get(address, **dutch).text
    assert "is geblokkeerd in administratie" in group
    assert "Deblokkeer" in group
    assert "Unblock" not in group
