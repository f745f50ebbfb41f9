"""Standard output takes one thing: a list, a page or JSON."""

from collections.abc import Mapping
from typing import Any

from ml_connector.output.files import STANDARD_OUTPUT
from ml_connector.user_errors import UserError

_WRITTEN = ("csv", "html", "out")
"""The options that name a file to write."""


def write_one_thing(command: Any) -> None:
    """Let a command, and its own verbs, refuse options that write two things to standard output."""
    run = command.invoke

    def invoke(context: Any) -> Any:
        _expect_one(context.params)
        return run(context)

    command.invoke = invoke
    for verb in getattr(command, "commands", {}).values():
        write_one_thing(verb)


def _expect_one(options: Mapping[str, Any]) -> None:
    """Raise `UserError` when a program that reads standard output would get a mixture."""
    found = [f"--{name} -" for name in _WRITTEN if options.get(name) == STANDARD_OUTPUT]
    found += ["--json"] if options.get("as_json") else []
    if len(found) > 1:
        raise UserError(
            f"{' and '.join(found)} both write to standard output: name a file, or leave one out"
        )
