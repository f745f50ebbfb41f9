"""Why something was not done, in the reader's language.

The worker keeps why in English and filled in; the text that made it is found again by its words, as
`exception_texts` does for causes. What is not found (a remote's own words) stays as it is.
"""

from functools import cache

from ml_connector.domain.exception_codes.said_texts import (
    Patterns,
    patterns_of,
    taken_apart_by,
    taken_apart_with_remedy,
)
from ml_connector.languages.exception_texts import in_any_words, said
from ml_connector.languages.texts import Texts, marked

REFUSALS = (
    marked("It was changed by somebody else at the same moment. Try again."),
    marked("There is too much of it for a page: use the command."),
    marked("{reason} Ask again from {when} UTC on."),
    marked("It failed, and why was logged. Ask again; if it fails again, use the command."),
    marked("It did not come to its end, and may have been done in part. Look at the page again; "
           "for long lists, use the command."),
    marked("It was not done within a day. Ask for it again."),
    marked("not open any more"),
    marked("snooze for 1 to {days} days"),
    marked("decided meanwhile by {who}, {when}: {airbase} stands for {exact}"),
    marked("decided meanwhile by {who}, {when}: the vendor is {supplier}"),
    marked("decided meanwhile by {who}, {when} UTC"),
    marked("decided meanwhile: {airbase} stands for {exact}"),
    marked("this can only be decided for these orders"),
    marked("choose what it stands for in Exact"),
    marked("an order in Exact is taken over for one order at a time"),
    marked("only an order that was read in Airbase can be tried"),
    marked("the order's vendor is not known yet: have it read in Airbase first"),
    marked("{title} has no open exception"),
    marked("{title} is in Exact already"),
    marked("{title} was not read in Airbase yet: retry it"),
    marked("{who} has decided {title} meanwhile: {exact}"),
    marked("{code} stops the connection: repair it, and it closes by itself"),
    marked("this exception of {title} was dismissed already, by {who}"),
    marked("this exception of {title} is not open any more"),
    marked("{title} cannot be retried: exceptions of the connection are checked every six hours"),
    marked("{title} cannot be retried: its event is no longer kept"),
    marked("{title} is no longer an approved purchase order in Airbase"),
    marked("{title} is in Exact already, as order {exact}"),
    marked("{title} does not wait as a possible duplicate: it is {state}"),
    marked("Exact order {number} is of another supplier than {title}"),
    marked("Exact order {number} is in {currency}, {title} in {own}"),
    marked("Exact order {number} is cancelled in Exact"),
    marked("Exact order {number} is linked to {other} already"),
    marked("Exact order {number} was just linked to another order"),
    marked("division {division} has several orders with the number {number}"),
    marked("connection {id} has no vendor {name}, by Airbase id or by name"),
    marked("{vendor} is linked to a supplier in division {division} already"),
    marked("vendor {id} has no name in Airbase: give it one first"),
    marked("{vendor} was created, and is not linked: look at the vendor again"),
    marked("no division of {id} has a supplier {supplier}, by GUID or by code"),
    marked("{month} has not begun yet in {zone}"),
    marked("no event about an order {name} has come, and Airbase has no call for it: send the "
           "event again in Airbase"),
    marked("Airbase has no order with the id {name}; nothing was queued. An order number is not "
           "its id: see the order's address in Airbase"),
    marked("{why} Nothing was queued: try again."),
    marked("choose one of the connection's Exact sites"),
    marked("this link was asked for already: ask for another one"),
    marked("{app} has had no consent yet: give the first one with {command}"),
    marked("{app} uses the Exact app of {owner}: run {command}"),
)  # fmt: skip
"""What people can meet on a page, with the fields that are filled in."""


def refusal_in_words(texts: Texts, text: str) -> str:
    """Return why something was not done; a cause and its remedy in the same way."""
    if found := taken_apart_by(_refusals(), text):
        return said(texts, found, refusal_in_words)
    return said(texts, taken_apart_with_remedy(text)) or in_any_words(texts, text)


@cache
def _refusals() -> Patterns:
    return patterns_of((each,) for each in REFUSALS)
