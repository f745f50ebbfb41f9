"""Fill in the templates of the catalogue."""

import re
import shlex
import warnings
from collections.abc import Mapping
from typing import Any

_FIELD = re.compile(r"\{(\w+)\}")
_COMMAND = re.compile(r"(`connector [^`]*`)")


class MissingValueWarning(RuntimeWarning):
    """A place that raises a code does not give a value that its template names."""


def fields_of(template: str) -> frozenset[str]:
    """Return the names of the fields in a template."""
    return frozenset(_FIELD.findall(template))


def fill(template: str, values: Mapping[str, Any]) -> str:
    """Return the text with all its values.

    A missing value is a bug: it is warned about (the tests fail), and the reader sees the field's
    name in capitals, as in `in_general`. Braces in a value stay as they are.
    """
    if missing := fields_of(template) - values.keys():
        names = ", ".join(sorted(missing))
        warnings.warn(f"no value for {names} in: {template}", MissingValueWarning, stacklevel=3)
    return in_general(template, **values)


def in_general(template: str, **values: Any) -> str:
    """Return the text for no record in particular: fields without a value as a word in capitals.

    So does the command line's help: `connector retry CONNECTION ORDER`. A value in a command is
    quoted as a shell needs it.
    """

    def value(found: re.Match[str]) -> str:
        return str(values.get(found[1], _word(found[1])))

    def argument(found: re.Match[str]) -> str:
        return shlex.quote(value(found)) if found[1] in values else value(found)

    texts = _COMMAND.split(template)
    texts[::2] = [_FIELD.sub(value, each) for each in texts[::2]]
    texts[1::2] = [_FIELD.sub(argument, each) for each in texts[1::2]]
    return "".join(texts)


def _word(field: str) -> str:
    return field.replace("_", " ").upper()
