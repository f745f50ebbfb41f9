"""Every six hours: renew idle Exact tokens and keep webhook subscriptions in place."""

from typing import Any

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from ml_connector.bootstrap import open_services
from ml_connector.connections.token_refresh import refresh_all

_services = open_services("token_refresh")
_metrics = Metrics()


def _measure(name: str, value: float) -> None:
    unit = MetricUnit.Count if name.endswith("Failed") else MetricUnit.NoUnit
    _metrics.add_metric(name=name, unit=unit, value=value)


@_metrics.log_metrics
def handler(_event: dict[str, Any], _context: object) -> None:
    """Refresh every connection of the stack; the schedule's event is not used."""
    refresh_all(_services.all(), _measure)
