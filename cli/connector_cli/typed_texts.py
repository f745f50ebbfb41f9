"""Take texts from the command line as they are: Typer loads pydantic to check that they are texts.

That costs a list a fifth of its time. Whatever is not a text is still read by Typer.
"""

from collections.abc import Callable
from typing import Any


class _AsTyped:
    """Reads the value of one option or argument; asks Typer only for what is not a text."""

    def __init__(self, by_typer: Callable[[], Any], *, is_text: bool) -> None:
        self._by_typer = by_typer
        self._is_text = is_text

    def coerce(self, value: Any, param: Any, ctx: Any) -> Any:
        """Return the value, as Typer's own reader does."""
        is_list = param.multiple or param.nargs == -1
        if value is None:
            return () if is_list else None
        if self._is_text and is_list and _are_texts(value):
            return list(value)
        if self._is_text and not is_list and isinstance(value, str):
            return value
        return self._by_typer().coerce(value, param=param, ctx=ctx)


def take_texts_as_typed(command: Any) -> None:
    """Let the options and arguments of a command, and of its own verbs, take texts as typed."""
    listed = command.get_params

    def get_params(context: Any) -> Any:
        params = listed(context)
        for each in params:
            _take_as_typed(each)
        return params

    command.get_params = get_params
    for verb in getattr(command, "commands", {}).values():
        take_texts_as_typed(verb)


def _take_as_typed(param: Any) -> None:
    described = getattr(param, "type_descriptor", None)
    if described is None or "get_runtime_param" in vars(param):
        return
    is_text = described.annotation in {str, list[str]} and not described.is_choice
    reader = _AsTyped(param.get_runtime_param, is_text=is_text)
    param.get_runtime_param = lambda: reader


def _are_texts(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(each, str) for each in value)
