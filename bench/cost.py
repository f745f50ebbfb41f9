"""What a stack costs in a month: idle, with further sites and connections, and for its orders.

The counts are from the real code in simulated time and from template.yaml, the prices from
`bench.prices`. docs/cost.md explains both; `python -m bench.cost` writes its tables.
"""

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.prices import FRANKFURT, IRELAND, PRICES
from bench.result import Result
from bench.usage import A_DAY, DAYS, GB, HOURS, RunningStack, Usage, working_day
from local.firm import ABROAD
from local.sam_template import SamTemplate
from ml_connector.infrastructure.secret_store import (
    AIRBASE_KEY,
    AIRBASE_WEBHOOK,
    EXACT_APP,
    EXACT_TOKENS,
    EXACT_WEBHOOK,
)

OF_A_CONNECTION = (AIRBASE_KEY, AIRBASE_WEBHOOK)
OF_A_SITE = (EXACT_APP, EXACT_TOKENS, EXACT_WEBHOOK)
"""The kinds of secrets: none of them is shared, and the one for Slack is optional."""

MOST_IDLE, MOST_FURTHER, MOST_ORDERS = 7.00, 0.30, 0.06
_ORDERS, _SPREAD, _AN_HOUR = 100, 45, 60
_THOUSAND = 1000
_SOON = 6
_NOTHING: Usage = {}
PAGE = Path(__file__).resolve().parent.parent / "docs" / "cost.md"

_GROUPS: Mapping[str, tuple[str, ...]] = {
    "Secrets Manager: secrets": ("secret, month",),
    "KMS: the stack's key": ("KMS key, month",),
    "CloudWatch: alarms": ("alarm, month",),
    "CloudWatch: metrics": ("metric, month",),
    "SQS: what Lambda's pollers ask in vain": ("idle polls",),
    "SQS: messages": ("FIFO queue requests",),
    "KMS and Secrets Manager: calls": ("KMS calls", "secret calls"),
    "DynamoDB: reads and writes": ("read units", "write units"),
    "DynamoDB: storage and backups": ("GB-months of tables", "GB-months of backups"),
    "Lambda": ("Lambda requests", "Lambda GB-seconds, arm64"),
    "CloudWatch: logs": ("GB of logs", "GB-months of logs"),
    "Scheduler, API, data sent": (
        "scheduled calls", "HTTP API calls", "GB sent to the internet",
    ),
}  # fmt: skip


@dataclass(frozen=True)
class Month:
    """What was used of everything, by case."""

    idle: Usage
    connection: Usage
    site: Usage
    posted: Usage
    busy: Usage
    spread: Usage
    kept: Usage


def measure() -> Iterator[Result]:
    """Let a stack be idle for a day, add a connection and sites, and post orders."""
    logging.disable(logging.CRITICAL)
    month = _month()
    idle = cost_of(month.idle)
    yield Result(
        f"dollars a month, idle, one connection with one site, {IRELAND}",
        f"{idle:.2f}",
        f"at most {MOST_IDLE:.2f}",
        idle <= MOST_IDLE,
    )
    for what, used in (("connection", month.connection), ("site", month.site)):
        beside = cost_of({name: n for name, n in used.items() if name != "secret, month"})
        yield Result(
            f"each further {what}, beside its {used['secret, month']:.0f} secrets",
            f"{beside:.2f}",
            f"at most {MOST_FURTHER:.2f}",
            beside <= MOST_FURTHER,
        )
    posted = cost_of(month.posted)
    yield Result(
        "1,000 orders, from webhook to posted",
        f"{posted:.3f}",
        f"at most {MOST_ORDERS:.2f}",
        posted <= MOST_ORDERS,
    )
    yield Result("the same with all that follows, 100 an hour", f"{cost_of(month.busy):.3f}")
    yield Result("the same with all that follows, 45 a day", f"{cost_of(month.spread):.3f}")
    yield Result("their records, each month", f"{cost_of(month.kept):.3f}")


@cache
def _month() -> Month:
    stack = RunningStack()
    stack.run(A_DAY)  # the first day: everything is read and subscribed to
    idle = _monthly(stack, stack.run(A_DAY))
    day = stack.run(A_DAY)
    spread = a_thousand(_SPREAD, stack.run(A_DAY, working_day(_SPREAD)), day)
    hour = stack.run(_AN_HOUR)
    busy = a_thousand(_ORDERS, stack.run(_AN_HOUR, working_day(_ORDERS, _AN_HOUR - 5)), hour)
    few = RunningStack()
    few.run(_SOON)
    few.post(2)
    posted = a_thousand(_ORDERS, few.post(_ORDERS))
    posted["metric, month"] = 1 / HOURS  # a thousand are posted within an hour, like these
    kept = _kept(few, _ORDERS, lambda: few.post(_ORDERS))
    return Month(idle, _further_connection(day), _further_site(day), posted, busy, spread, kept)


def _further_connection(day: Usage) -> Usage:
    """Return what each further connection of a stack uses in a month."""
    second = ABROAD[1:2]  # with an app of its own
    both = RunningStack(others=second)
    both.add("second-firm", second)
    both.run(A_DAY)
    used = _beside(both.run(A_DAY), day)
    return used | {"secret, month": len(OF_A_CONNECTION) + len(OF_A_SITE)}


def _further_site(day: Usage) -> Usage:
    """Return what each further site of a connection uses in a month."""
    abroad = RunningStack(ABROAD)
    abroad.run(A_DAY)
    further = len(ABROAD) - 1
    used = {name: n / further for name, n in _beside(abroad.run(A_DAY), day).items()}
    return used | {"secret, month": len(OF_A_SITE)}


def _beside(used: Usage, without: Usage) -> Usage:
    """Return what a month uses more than one without it."""
    names = used.keys() | without.keys()
    return {name: (used.get(name, 0) - without.get(name, 0)) * DAYS for name in names}


def _monthly(stack: RunningStack, day: Usage) -> Usage:
    """Return what a stack uses in a month of which this was a day."""
    template = stack.template
    stored = stack.stored() / GB
    return {name: n * DAYS for name, n in day.items()} | {
        "secret, month": len(OF_A_CONNECTION) + len(OF_A_SITE),
        "KMS key, month": len(template.of_type("AWS::KMS::Key")),
        "alarm, month": len(template.of_type("AWS::CloudWatch::Alarm")),
        "idle polls": stack.idle_polls() * DAYS,
        "GB-months of tables": stored,
        "GB-months of backups": stored,
        "GB-months of logs": day["GB of logs"] * _retention(template),
    }


def a_thousand(orders: int, used: Usage, without: Usage = _NOTHING) -> Usage:
    """Return what 1,000 orders use if so many used this; `without`: what none of them would."""
    names, times = used.keys() | without.keys(), _THOUSAND / orders
    return {name: (used.get(name, 0) - without.get(name, 0)) * times for name in names}


def _kept(stack: RunningStack, orders: int, run: Callable[[], object]) -> Usage:
    """Return what 1,000 orders use in each month in which they are kept."""
    before = stack.stored()
    run()
    stored = (stack.stored() - before) / GB * _THOUSAND / orders
    return {"GB-months of tables": stored, "GB-months of backups": stored}


def _retention(template: SamTemplate) -> float:
    return float(template.cloudformation["Parameters"]["LogRetentionDays"]["Default"])


def cost_of(used: Usage, region: str = IRELAND) -> float:
    """Return the dollars that this costs in a region."""
    prices = PRICES[region]
    return sum(n * prices[_priced(name)] for name, n in used.items())


def _priced(name: str) -> str:
    return "FIFO queue requests" if name == "idle polls" else name


def _tables() -> str:
    month = _month()
    cases = {
        "idle": month.idle,
        "connection": month.connection,
        "site": month.site,
        "posted": month.posted,
        "busy": month.busy,
        "spread": month.spread,
        "kept": month.kept,
    }
    heads = (
        "idle month", "further connection", "further site", "1,000 orders to posted",
        "with all that follows, 100 an hour", "the same, 45 a day", "their records, each month",
    )  # fmt: skip
    rows = [["of AWS", *heads], ["---", *["---:"] * len(heads)]]
    rows += [
        [group, *(_money({n: u.get(n, 0) for n in names}) for u in cases.values())]
        for group, names in _GROUPS.items()
    ]
    rows.append([f"**{IRELAND}**", *(f"**{_money(each)}**" for each in cases.values())])
    rows.append([FRANKFURT, *(_money(each, FRANKFURT) for each in cases.values())])
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _money(used: Usage, region: str = IRELAND) -> str:
    return f"{cost_of(used, region):.3f}"


def main() -> int:
    """Write the table into docs/cost.md; return 1 when a limit is missed."""
    logging.disable(logging.CRITICAL)
    text = PAGE.read_text(encoding="utf-8")
    table = re.compile(r"(<!-- measured -->\n).*?(?=\n<!-- end -->)", re.DOTALL)
    PAGE.write_text(table.sub(lambda found: found[1] + _tables(), text), encoding="utf-8")
    results = list(measure())
    for each in results:
        print(each.name, each.figure, each.limit, sep=" | ")
    return 1 if any(each.holds is False for each in results) else 0


if __name__ == "__main__":
    sys.exit(main())
