"""Make pages of templates: everything that is filled in is escaped."""

from functools import cache, partial
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, ModuleLoader, StrictUndefined

from ml_connector.languages import exception_texts, field_words, filled_values
from ml_connector.languages.locales import LOCALES
from ml_connector.languages.texts import SOURCE, Texts
from ml_console import formats, refusal_texts, report_words, words
from ml_console.files import address_of
from ml_console.web import Answer

FOLDER = Path(__file__).parent / "templates"
COMPILED = Path(__file__).parent / "compiled"
"""Where the build puts the compiled templates; without it they are compiled when first used."""


@cache
def environment(language: str = SOURCE) -> Environment:
    """Return the environment of the templates in a language: its filters write its numbers."""
    loader = ModuleLoader(COMPILED) if COMPILED.is_dir() else FileSystemLoader(FOLDER)
    made = Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    made.globals["file"] = address_of
    made.globals["record_address"] = formats.record_address
    made.globals["group_address"] = formats.group_address
    made.globals["deed_address"] = formats.deed_address
    made.globals["deeds"] = words.DEEDS
    made.globals["query_of"] = formats.query_of
    made.globals["paged"] = formats.paged
    made.globals["sorts"] = words.SORTS
    made.globals["sort_words"] = words.SORT_WORDS
    made.globals["role_words"] = words.ROLES
    made.globals["headings"] = words.HEADINGS
    made.globals["locales"] = LOCALES
    made.globals |= {
        "field_words": report_words.FIELDS,
        "mark_words": report_words.MARKS,
        "kind_words": report_words.KINDS,
        "mapping_state_words": report_words.MAPPING_STATES,
        "evidence_words": report_words.EVIDENCE,
        "check_words": report_words.CHECKS,
        "candidate_words": words.CANDIDATES,
        "compared_words": field_words.COMPARED,
        "progress_words": report_words.PROGRESS,
        "entered_words": report_words.ENTERED,
    }
    made.filters |= formats.filters(LOCALES[language])
    return made


def page(template: str, texts: Texts, status: int = 200, **values: Any) -> Answer:
    """Return a page; `values` are the template's variables."""
    body = (
        environment(texts.language)
        .get_template(template)
        .render(
            _=texts.say,
            _n=texts.count,
            in_words=partial(exception_texts.in_words, texts),
            in_any_words=partial(exception_texts.in_any_words, texts),
            refusal_in_words=partial(refusal_texts.refusal_in_words, texts),
            plain_value=partial(filled_values.plain_value, texts),
            language=texts.language,
            **values,
        )
    )
    return Answer(status, body, {"content-type": "text/html; charset=utf-8"})
