"""Find what should have been filled in before a person reads it."""

import re

_PLACEHOLDER = re.compile(r"<[a-z][a-z _-]*>|\{\w*\}")


def placeholders_in(text: str) -> list[str]:
    """Return every `<name>` and `{name}` in the text."""
    return _PLACEHOLDER.findall(text)
