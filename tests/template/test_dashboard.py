"""The dashboard is valid JSON for CloudWatch, and every metric on it is measured."""

import json
import re
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

import ml_connector
from tests.template.deployed import CONSOLE, deployed, named, properties, resources

PAGE = Path(__file__).parents[2] / "docs" / "operations.md"
OURS = "AirbaseExactConnector"
BODY = properties("Dashboard")["DashboardBody"]


def widgets() -> list[dict[str, Any]]:
    """Return the widgets as CloudFormation fills in the names."""
    filled = re.sub(r"\$\{[\w:.]+\}", "filled-in", BODY["Fn::Sub"])
    found: list[dict[str, Any]] = json.loads(filled)["widgets"]
    return found


WIDGETS = widgets()


def own_metrics() -> set[tuple[str, frozenset[str]]]:
    """Return name and dimensions of each of our metrics on the dashboard."""
    found = set()
    for widget in WIDGETS:
        for metric in widget["properties"]["metrics"]:
            if metric[0] == OURS:
                found.add((metric[1], frozenset(metric[2::2])))
            elif isinstance(metric[0], dict):
                matched = re.search(r"\{(.*?)\} MetricName=\"(\w+)\"", metric[0]["expression"])
                assert matched, metric
                namespace, *dimensions = matched[1].split(",")
                assert namespace == OURS
                found.add((matched[2], frozenset(dimensions)))
    return found


def test_it_names_only_resources_of_the_stack() -> None:
    names = named(BODY) - {"AWS"}
    assert names <= set(deployed().resources)
    assert {"PurchaseOrderDeadLetterQueue", "PoPostingFunction"} < names


def test_widgets_do_not_overlap() -> None:
    def cells(widget: dict[str, Any]) -> set[tuple[int, int]]:
        across = range(widget["x"], widget["x"] + widget["width"])
        down = range(widget["y"], widget["y"] + widget["height"])
        return {(x, y) for x in across for y in down}

    assert all(widget["x"] + widget["width"] <= 24 for widget in WIDGETS)
    assert not any(cells(one) & cells(other) for one, other in combinations(WIDGETS, 2))


def test_every_function_and_queue_is_on_it() -> None:
    for kind in ("AWS::Lambda::Function", "AWS::SQS::Queue"):
        assert set(resources(kind)) - {CONSOLE} <= named(BODY)


def test_the_console_is_on_it_by_name_whether_or_not_it_is_made() -> None:
    assert CONSOLE not in named(BODY)
    assert BODY["Fn::Sub"].count(properties(CONSOLE)["FunctionName"]["Fn::Sub"] + '"]') == 2


@pytest.mark.parametrize("metric", sorted(name for name, _ in own_metrics()))
def test_our_metric_is_measured_under_this_name(metric: str) -> None:
    sources = Path(ml_connector.__file__ or "").parent.rglob("*.py")
    assert any(f'"{metric}"' in path.read_text("utf-8") for path in sources)


@pytest.mark.parametrize("widget", WIDGETS, ids=lambda widget: widget["properties"]["title"])
def test_the_page_explains_each_metric(widget: dict[str, Any]) -> None:
    assert f"| {widget['properties']['title']} |" in PAGE.read_text("utf-8")


def test_our_alarms_use_metrics_without_further_dimensions() -> None:
    alarms = [a for a in resources("AWS::CloudWatch::Alarm").values() if a["Namespace"] == OURS]
    assert {alarm["MetricName"] for alarm in alarms} == {
        "TokenRefreshFailed",
        "OldestWaitingSeconds",
        "Halts",
        "RefreshTokenAgeDays",
        "RefusedWebhooks",
        "NotifyFailed",
        "SweepFailures",
        "OverdueJobs",
    }
    for alarm in alarms:
        assert alarm["Dimensions"] == [{"Name": "service", "Value": {"Ref": "AWS::StackName"}}]


def test_the_token_age_alarm_fires_ten_days_before_expiry() -> None:
    alarm = properties("RefreshTokenAgeAlarm")
    assert (alarm["Threshold"], alarm["Statistic"], alarm["Period"]) == (20, "Maximum", 6 * 3600)
