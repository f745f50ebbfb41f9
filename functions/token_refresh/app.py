"""Every six hours: keep all connections' Exact tokens alive and their subscriptions in place."""

from typing import Any

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from ml_connector.workflows.upkeep.token_keeping import keep_all
from ml_connector.workflows.wiring import open_doors

_doors = open_doors("token_refresh")
_metrics = Metrics()


def _measure(name: str, value: float) -> None:
    unit = MetricUnit.Count if name.endswith("Failed") else MetricUnit.NoUnit
    _metrics.add_metric(name=name, unit=unit, value=value)


@_metrics.log_metrics
def handler(_event: dict[str, Any], _context: object) -> None:
    """Look after every connection of the stack; the schedule's event says nothing."""
    keep_all(_doors, _measure)
