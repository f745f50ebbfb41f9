"""Run the command as in a terminal, on the stack of the environment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from typer.testing import CliRunner

from connector_cli.main import app
from local.rights.endpoint import key_id

SECRETS = {
    "CONNECTOR_AIRBASE_API_KEY": "canary-airbase-key-5f1c",
    "CONNECTOR_AIRBASE_WEBHOOK_SECRET": "canary-airbase-signing-8b2e",
    "CONNECTOR_EXACT_CLIENT_ID": "client-4711",
    "CONNECTOR_EXACT_CLIENT_SECRET": "canary-client-secret-c0de",
    "CONNECTOR_EXACT_WEBHOOK_SECRET": "canary-exact-signing-77aa",
    "CONNECTOR_EXACT_REFRESH_TOKEN": "canary-refresh-token-9d9d",
    "CONNECTOR_EXACT_ACCESS_TOKEN": "canary-access-token-1e1e",
}
NEEDED = {
    name: SECRETS[name]
    for name in (
        "CONNECTOR_AIRBASE_API_KEY",
        "CONNECTOR_EXACT_CLIENT_ID",
        "CONNECTOR_EXACT_CLIENT_SECRET",
    )
}

_OPERATOR = {"AWS_ACCESS_KEY_ID": key_id("operator")}  # a local stack judges the command by it


@dataclass
class Run:
    """Exit code and output of one run."""

    exit_code: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """Return the JSON on standard output."""
        return json.loads(self.out)


@dataclass
class Terminal:
    """Runs commands and keeps everything they print."""

    environment: dict[str, str | None] = field(default_factory=dict)
    shown: list[str] = field(default_factory=list)

    def run(
        self, *words: str, env: Mapping[str, str] | None = None, typed: str | None = None
    ) -> Run:
        """Run `connector WORDS`; `typed` is the input. A bug is raised."""
        own: dict[str, str | None] = dict.fromkeys(SECRETS, None)
        result = CliRunner().invoke(
            app,
            words,
            env={**_OPERATOR, "COLUMNS": "160", **own, **self.environment, **(env or {})},
            input=typed or "",
        )
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        self.shown += [result.stdout, result.stderr]
        return Run(result.exit_code, result.stdout, result.stderr)

    def ok(
        self, *words: str, env: Mapping[str, str] | None = None, typed: str | None = None
    ) -> Run:
        """Run a command that must succeed."""
        run = self.run(*words, env=env, typed=typed)
        assert run.exit_code == 0, run.err
        return run

    def refused(self, *words: str, env: Mapping[str, str] | None = None, code: int = 2) -> str:
        """Run a command that must be refused, without a traceback; return its errors."""
        run = self.run(*words, env=env)
        assert (run.exit_code, run.out.strip()) == (code, ""), f"{run.out}{run.err}"
        assert "Traceback" not in run.err
        return run.err
