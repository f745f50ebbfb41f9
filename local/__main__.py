"""`make local`: keep the stack and the simulators running on loopback.

Prints the webhook URLs, the simulators and the AWS endpoint, and writes `.connector-local/env`,
which `connector --local` reads, and for `sam local invoke` `.connector-local/functions.json`
(`--env-vars`) and `.connector-local/credentials`, where each function has a profile. Ctrl-C ends
it; nothing is kept.
"""

import argparse
import json
import signal
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from configparser import ConfigParser
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from rich.console import Console

from local.demo.environment import DemoEnvironment, Ports
from local.demo.samples import connect_with_samples
from local.exact_simulator import notifying
from local.firm import ABROAD, CONNECTION_ID, NL, Branch

ENVIRONMENT = Path(".connector-local/env")
FUNCTIONS = Path(".connector-local/functions.json")
CREDENTIALS = Path(".connector-local/credentials")
_FIRST_PORT = 8801


def main() -> None:
    """Serve until interrupted."""
    arguments = _arguments()
    console = Console(highlight=False)
    ports = Ports(*range(arguments.port, arguments.port + 8))
    if arguments.containers:
        ports = replace(ports, aws_listen="0.0.0.0")  # noqa: S104  asked for
    with ExitStack() as running:
        try:
            demo = running.enter_context(DemoEnvironment(ports, branches=ABROAD, visibility=None))
        except OSError as error:
            sys.exit(
                f"ports {ports.webhooks} to {ports.exact_de}: {error.strerror}; "
                "name others with --port"
            )
        pending = ""
        if arguments.unconnected:
            demo.firm.populate()
        elif not arguments.bare:
            connect_with_samples(demo)
            pending = add_orders(demo)
        demo.stack.run_in_background()
        for exact in demo.sites.values():
            running.enter_context(notifying(exact))
        write_environment(demo, arguments.containers or "127.0.0.1")
        _print_addresses(console, demo, is_connected=bool(pending))
        if pending:
            _print(console, _lesson(demo, pending))
        elif arguments.unconnected:
            _print(console, lesson_to_connect(demo))
        console.print("Running; Ctrl-C ends it.")
        try:
            _wait_for_interrupt()
        finally:
            _print_refusals(console, demo)
            ENVIRONMENT.unlink(missing_ok=True)
            FUNCTIONS.unlink(missing_ok=True)


def add_orders(demo: DemoEnvironment) -> str:
    """Add an order that is posted, one that needs a person and one to approve; return its id."""

    def order(number: str, vendor: str, amount: str) -> dict[str, Any]:
        line = demo.airbase.line("4100", amount, f"From {vendor}")
        vendors = demo.firm.vendors
        return demo.airbase.add_order(number, NL.subsidiary, vendors[vendor], [line])

    demo.airbase.approve(order("PO-1001", "Cloudwerk", "1200.00"))
    demo.airbase.approve(order("PO-1002", "Nieuwkomer Catering", "310.50"))
    demo.stack.drain()
    demo.wait(timedelta(minutes=1))
    demo.stack.fire("TokenRefreshFunctionEverySixHours")  # subscribes to Exact's webhooks
    return str(order("PO-1003", "Cloudwerk", "89.95")["id"])


def _lesson(demo: DemoEnvironment, pending: str) -> Sequence[str]:
    approve = f'curl -d \'{{"order": "{pending}"}}\' {demo.airbase_url}/_control/approve'
    connector = f"{_program()} --local"
    return (
        "",
        "Three things to try, in another terminal:",
        f"1. See what needs a person, and why:   {connector} exceptions {CONNECTION_ID}",
        f"2. Approve an order, see it in Exact:  {approve}",
        f"                                       {connector} orders {CONNECTION_ID}",
        f"3. Check that all of it works:         {connector} ping {CONNECTION_ID}",
        f"What else the simulators can do:       curl {demo.airbase_url}/_control/",
        "",
    )


def lesson_to_connect(demo: DemoEnvironment) -> Sequence[str]:
    """Return what to do first where the firm waits to be connected."""
    connector = f"{_program()} --local"
    sent = json.dumps({
        "url": f"{demo.stack.url}/webhooks/airbase/my-firm", "secret": demo.airbase.outbox.secret,
    })  # fmt: skip
    secret = f"CONNECTOR_AIRBASE_WEBHOOK_SECRET={demo.airbase.outbox.secret}"
    webhooks = f"curl -d '{sent}' {demo.airbase_url}/_control/webhooks"
    return (
        "",
        "Connect the firm yourself, in another terminal:",
        f"1. With the key, ids and secrets above:  {secret} {connector} connect my-firm",
        f"2. Have Airbase's webhooks sent to it:   {webhooks}",
        f"3. Check that all of it works:           {connector} ping my-firm",
        "",
    )


def _print(console: Console, lines: Iterable[str]) -> None:
    for line in lines:
        console.print(line, soft_wrap=True, markup=False)


def _program() -> str:
    """Return the command as it is typed in this folder: it lies beside the interpreter."""
    installed = Path(sys.executable).with_name("connector")
    here = Path.cwd()
    return str(installed.relative_to(here) if installed.is_relative_to(here) else installed)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local", description=main.__doc__)
    parser.add_argument(
        "--port",
        type=int,
        default=_FIRST_PORT,
        help="first of eight ports: webhooks, AWS, Exact, Airbase, console, identity provider, and "
        "Exact's Belgian and German sites (default: %(default)s)",
    )
    without = parser.add_mutually_exclusive_group()
    without.add_argument("--bare", action="store_true", help="start without the firm of the demo")
    without.add_argument(
        "--unconnected",
        action="store_true",
        help="start with the firm of the demo in both systems, for you to connect",
    )
    parser.add_argument(
        "--containers",
        metavar="HOST",
        nargs="?",
        const="host.docker.internal",
        help="let containers (sam local invoke) reach the AWS endpoint under this host name: "
        "it then listens on all addresses (podman: host.containers.internal)",
    )
    return parser.parse_args()


def write_environment(demo: DemoEnvironment, host: str) -> None:
    """Write how the command and `sam local invoke` reach the stack; it holds keys."""
    simulators = [("airbase", demo.airbase_url), *demo.exact_urls.items()]
    variables = {
        **demo.stack.environment(),
        "CONNECTOR_STACK": demo.stack.name,
        "CONNECTOR_WEBHOOK_BASE_URL": demo.stack.url,
        "CONNECTOR_LOCAL_CLOCK": f"{demo.exact_url}/_control/clock",
        "CONNECTOR_LOCAL_SIMULATORS": ",".join(f"{name}={url}" for name, url in simulators),
    }
    ENVIRONMENT.parent.mkdir(exist_ok=True)
    lines = (f"{name}={value}\n" for name, value in variables.items())
    ENVIRONMENT.touch(0o600)
    ENVIRONMENT.write_text("".join(lines))
    functions = {name: demo.stack.environment(name) for name in demo.stack.functions}
    FUNCTIONS.write_text(json.dumps(functions, indent=2).replace("127.0.0.1", host))
    _write_profiles(functions)


def _write_profiles(functions: Mapping[str, Mapping[str, str]]) -> None:
    """Write the key of each function's role: `sam local` passes those of the caller's profile."""
    profiles = ConfigParser()
    for name, its in functions.items():
        keys = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
        profiles[name] = {key: its[key] for key in keys}
    CREDENTIALS.touch(0o600)
    with CREDENTIALS.open("w", encoding="utf-8") as file:
        profiles.write(file)


def _print_addresses(console: Console, demo: DemoEnvironment, *, is_connected: bool) -> None:
    rows = (
        ("Console", f"{demo.stack.console_url}  (sign in as whom you like)"),
        ("Airbase webhooks", f"{demo.stack.url}/webhooks/airbase/CONNECTION"),
        ("Exact webhooks", f"{demo.stack.url}/webhooks/exact/CONNECTION"),
        ("Exact redirect URI", demo.stack.outputs["ExactRedirectUri"]),
        ("AWS endpoint", demo.stack.endpoint_url),
        ("Operator's AWS key id", demo.stack.environment()["AWS_ACCESS_KEY_ID"]),
        ("Reader's AWS key id", demo.stack.environment(person="reader")["AWS_ACCESS_KEY_ID"]),
        ("Airbase simulator", demo.airbase_url),
        ("Airbase key", demo.airbase.api_key),
        ("Airbase webhook secret", demo.airbase.outbox.secret),
        *(row for branch in demo.firm.branches for row in _of_site(demo, branch)),
        *([("Connection", CONNECTION_ID)] if is_connected else []),
        ("For the connector command", f"{ENVIRONMENT} ({_program()} --local ...)"),
        (
            "For sam local invoke",
            f"--env-vars {FUNCTIONS}, AWS_SHARED_CREDENTIALS_FILE={CREDENTIALS}, --profile and the "
            "function's name (started with --containers)",
        ),
    )
    for what, value in rows:
        console.print(f"{what:<26} {value}", soft_wrap=True)


def _of_site(demo: DemoEnvironment, branch: Branch) -> Iterator[tuple[str, str]]:
    """Yield the address and the app of a branch's Exact site."""
    exact, name = demo.sites[branch.site], f"Exact {branch.site}"
    yield f"{name} simulator", demo.exact_urls[branch.site]
    yield f"{name} client id", exact.client_id
    yield f"{name} client secret", exact.client_secret
    yield f"{name} webhook secret", exact.webhook_secret


def _print_refusals(console: Console, demo: DemoEnvironment) -> None:
    """Show what the policies did not allow: here people try things, so the stack does not fail."""
    for refusal in demo.stack.rights.refusals:
        console.print(str(refusal), soft_wrap=True)
    demo.stack.rights.refusals.clear()


def _wait_for_interrupt() -> None:
    done = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: done.set())
    done.wait()


if __name__ == "__main__":
    main()
