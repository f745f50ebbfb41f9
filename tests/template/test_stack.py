"""The stack's resources are encrypted, recoverable, retried and monitored."""

from datetime import timedelta
from typing import Any

import pytest

from local.stack import CONSOLE_API, WEBHOOK_API
from ml_connector.domain.records import SETTLE
from tests.template.deployed import (
    CONSOLE,
    FUNCTIONS,
    deployed,
    documents,
    named,
    properties,
    resources,
    statements,
)

SESSIONS = "ConsoleTable"
TABLES = {n: t for n, t in resources("AWS::DynamoDB::Table").items() if n != SESSIONS}
QUEUES = resources("AWS::SQS::Queue")
ALARMS = resources("AWS::CloudWatch::Alarm")
STAGES = resources("AWS::ApiGatewayV2::Stage")
WEBHOOK_STAGE = STAGES["WebhookApiApiGatewayDefaultStage"]
WORK = {
    "PurchaseOrderQueue": "PurchaseOrderDeadLetterQueue",
    "VendorQueue": "VendorDeadLetterQueue",
}
KEY = {"Fn::GetAtt": ["StackKey", "Arn"]}


def alarm_on(metric: str, dimension: str) -> dict[str, Any]:
    (found,) = (
        alarm
        for alarm in ALARMS.values()
        if alarm["MetricName"] == metric and dimension in named(alarm["Dimensions"])
    )
    return found


def test_there_are_six_tables() -> None:
    names = ("Inbox", "Ledger", "Audit", "Mappings", "Reference", "Coordination")
    assert set(TABLES) == {f"{name}Table" for name in names}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_on_demand_recoverable_and_encrypted_with_the_stacks_key(name: str) -> None:
    table = TABLES[name]
    assert table["BillingMode"] == "PAY_PER_REQUEST"
    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": KEY,
    }


@pytest.mark.parametrize("name", [*TABLES, "StackKey"])
def test_irreplaceable_resources_are_retained(name: str) -> None:
    resource = deployed().resources[name]
    assert resource["DeletionPolicy"] == "RetainExceptOnCreate"
    assert resource["UpdateReplacePolicy"] == "Retain"


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_protected_unless_a_trial_stack_says_otherwise(name: str) -> None:
    assert TABLES[name]["DeletionProtectionEnabled"] == {"Ref": "DeletionProtection"}
    assert deployed().cloudformation["Parameters"]["DeletionProtection"]["Default"] == "true"


def test_sessions_are_encrypted_and_can_neither_be_kept_nor_restored() -> None:
    table, resource = properties(SESSIONS), deployed().resources[SESSIONS]
    assert table["SSESpecification"]["KMSMasterKeyId"] == KEY
    assert table["TimeToLiveSpecification"]["Enabled"]
    assert "PointInTimeRecoverySpecification" not in table
    assert {resource["DeletionPolicy"], resource["UpdateReplacePolicy"]} == {"Delete"}


def test_without_an_issuer_nothing_of_the_console_is_made() -> None:
    conditions = {
        name: resource.get("Condition")
        for name, resource in deployed().resources.items()
        if name.startswith("Console")
    }
    assert len(conditions) > 12
    assert set(conditions.values()) == {"HasConsole", "HasConsoleDomain"}
    assert deployed().cloudformation["Parameters"]["ConsoleIssuer"]["Default"] == ""


def test_short_lived_items_expire_and_the_audit_trail_never() -> None:
    expiring = {n for n, t in TABLES.items() if t.get("TimeToLiveSpecification", {}).get("Enabled")}
    assert expiring == {"InboxTable", "LedgerTable", "MappingsTable", "CoordinationTable"}


ALL = {"ProjectionType": "ALL"}
BRIEF = {"ProjectionType": "INCLUDE", "NonKeyAttributes": ["codes", "state", "waits"]}


@pytest.mark.parametrize(
    ("name", "indexes"),
    [("InboxTable", {"open": ALL}), ("LedgerTable", {"due": ALL, "open": BRIEF})],
)
def test_the_sparse_indexes_are_keyed_by_group_and_time(name: str, indexes: dict[str, Any]) -> None:
    found = {one["IndexName"]: one for one in TABLES[name]["GlobalSecondaryIndexes"]}
    assert {index: one["Projection"] for index, one in found.items()} == indexes
    for index, one in found.items():
        keys = [(key["AttributeName"], key["KeyType"]) for key in one["KeySchema"]]
        assert keys == [(f"{index}_group", "HASH"), (f"{index}_at", "RANGE")]


def test_the_key_rotates_and_belongs_to_the_account() -> None:
    key = properties("StackKey")
    assert key["EnableKeyRotation"] is True
    principals = [statement["Principal"] for statement in key["KeyPolicy"]["Statement"]]
    assert all(principal != "*" and principal.get("AWS") != "*" for principal in principals)
    for statement in key["KeyPolicy"]["Statement"]:
        assert "Service" not in statement["Principal"] or "aws:SourceAccount" in str(statement)


@pytest.mark.parametrize("name", QUEUES)
def test_a_queue_is_first_in_first_out_and_encrypted(name: str) -> None:
    queue = QUEUES[name]
    assert queue["FifoQueue"] is True
    assert queue["QueueName"]["Fn::Sub"].endswith(".fifo")
    assert queue["KmsMasterKeyId"] == KEY


@pytest.mark.parametrize("name", WORK)
def test_a_queue_retries_five_times_before_its_dead_letter_queue(name: str) -> None:
    redrive = QUEUES[name]["RedrivePolicy"]
    assert redrive["maxReceiveCount"] >= 5
    assert named(redrive["deadLetterTargetArn"]) == {WORK[name]}


def test_every_queue_of_work_is_mapped_to_its_worker() -> None:
    mapped = {source.queue: source for source in deployed().sources()}
    assert set(mapped) == set(WORK)
    for name, source in mapped.items():
        assert source.reports_failures
        assert QUEUES[name]["VisibilityTimeout"] >= 6 * properties(source.function)["Timeout"]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_function_runs_python_3_13_on_the_chosen_processor(function: str) -> None:
    found = properties(function)
    assert found["Runtime"] == "python3.13"
    assert found["Architectures"] == [{"Ref": "Architecture"}]
    assert len(found["Layers"]) == (2 if function == CONSOLE else 1)


def test_arm64_is_the_default_and_x86_64_a_choice() -> None:
    parameter = deployed().cloudformation["Parameters"]["Architecture"]
    assert parameter["Default"] == "arm64"
    assert set(parameter["AllowedValues"]) == {"arm64", "x86_64"}


@pytest.mark.parametrize("makefile", ["Makefile", "layers/connector/Makefile"])
def test_the_layer_is_built_for_the_same_default(makefile: str) -> None:
    text = (deployed().folder / makefile).read_text(encoding="utf-8")
    assert "\nARCH ?= arm64\n" in text or "\nARCHITECTURE ?= arm64\n" in text


def test_no_secret_is_in_a_variable_or_parameter() -> None:
    for function in FUNCTIONS:
        for name in properties(function)["Environment"]["Variables"]:
            assert not {"TOKEN", "PASSWORD", "CLIENT"} & set(name.split("_")), name
    assert not any("secret" in name.lower() for name in deployed().cloudformation["Parameters"])


def test_two_routes_for_webhooks_and_one_for_consent() -> None:
    routes = {(r.method, r.path): r.function for r in deployed().routes() if r.api == WEBHOOK_API}
    assert routes == {
        ("POST", "/webhooks/airbase/{connection}"): "AirbaseWebhookFunction",
        ("POST", "/webhooks/exact/{connection}"): "ExactWebhookFunction",
        ("GET", "/oauth/exact"): "ExactConsentFunction",
    }


def test_the_worker_of_the_console_knows_the_redirect_uri_that_people_enter_at_exact() -> None:
    variables = properties("PoPostingFunction")["Environment"]["Variables"]
    condition, redirect_uri, otherwise = variables["EXACT_REDIRECT_URI"]["Fn::If"]
    assert (condition, otherwise) == ("HasConsole", "")
    assert redirect_uri == deployed().cloudformation["Outputs"]["ExactRedirectUri"]["Value"]


def test_the_console_has_an_api_of_its_own() -> None:
    own = {r.function for r in deployed().routes() if r.api == CONSOLE_API}
    assert own == {CONSOLE}
    assert CONSOLE not in {r.function for r in deployed().routes() if r.api != CONSOLE_API}


@pytest.mark.parametrize("stage", STAGES.values(), ids=STAGES)
def test_an_api_is_throttled_and_logs_neither_path_nor_query(stage: dict[str, Any]) -> None:
    assert {"ThrottlingRateLimit", "ThrottlingBurstLimit"} <= set(stage["DefaultRouteSettings"])
    written = stage["AccessLogSettings"]["Format"]["Fn::Sub"]
    assert "$context.routeKey" in written
    assert not any(word in written for word in ("$context.path", "$context.http.path", "query"))


def test_every_log_has_a_retention_time() -> None:
    groups = resources("AWS::Logs::LogGroup")
    used = {properties(function)["LoggingConfig"]["LogGroup"]["Ref"] for function in FUNCTIONS}
    assert used < set(groups)
    for group in groups.values():
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}


def test_schedules_sweep_reconcile_and_refresh() -> None:
    schedules = {(s.target, s.expression, s.group) for s in deployed().schedules().values()}
    assert schedules == {
        ("PurchaseOrderQueue", "rate(1 minute)", "sweep"),
        ("VendorQueue", "cron(0 3 * * ? *)", "reconcile"),
        ("TokenRefreshFunction", "rate(6 hours)", None),
    }


def test_a_schedule_through_a_queue_is_not_dropped_as_a_duplicate() -> None:
    for schedule in deployed().schedules().values():
        if schedule.group is not None:
            assert QUEUES[schedule.target]["ContentBasedDeduplication"] is True
            assert "<aws.scheduler.scheduled-time>" in schedule.input


def test_schedules_may_send_to_the_queues_of_work_and_nothing_else() -> None:
    role = properties("ScheduleRole")["Policies"][0]["PolicyDocument"]
    sending = [s for s in statements(role) if "sqs:SendMessage" in s.actions]
    assert [named(list(s.resources)) for s in sending] == [set(WORK)]


@pytest.mark.parametrize("name", WORK.values())
def test_one_dead_letter_raises_the_alarm(name: str) -> None:
    alarm = alarm_on("ApproximateNumberOfMessagesVisible", name)
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")


@pytest.mark.parametrize("name", WORK)
def test_an_old_message_raises_the_alarm(name: str) -> None:
    assert alarm_on("ApproximateAgeOfOldestMessage", name)["Statistic"] == "Maximum"


def test_the_alarm_on_failed_refreshes_uses_their_metric() -> None:
    (alarm,) = (a for a in ALARMS.values() if a["MetricName"] == "TokenRefreshFailed")
    variables = properties("TokenRefreshFunction")["Environment"]["Variables"]
    assert alarm["Namespace"] == variables["POWERTOOLS_METRICS_NAMESPACE"]
    service = {"Name": "service", "Value": variables["POWERTOOLS_SERVICE_NAME"]}
    assert alarm["Dimensions"] == [service]


@pytest.mark.parametrize("name", ALARMS)
def test_an_alarm_goes_to_the_encrypted_topic(name: str) -> None:
    assert ALARMS[name]["AlarmActions"] == [{"Ref": "AlarmTopic"}]
    assert properties("AlarmTopic")["KmsMasterKeyId"] == KEY


@pytest.mark.parametrize("kind", ["Alarm", "Notification"])
def test_mail_is_optional_and_topics_are_encrypted(kind: str) -> None:
    assert deployed().resources[f"{kind}Mail"]["Condition"] == f"Has{kind}Email"
    assert deployed().cloudformation["Parameters"][f"{kind}Email"]["Default"] == ""
    assert properties(f"{kind}Topic")["KmsMasterKeyId"] == KEY


def test_an_empty_topic_switches_notifications_off() -> None:
    given = properties("PoPostingFunction")["Environment"]["Variables"]["NOTIFICATION_TOPIC_ARN"]
    assert given == {"Fn::If": ["TellsPeople", {"Ref": "NotificationTopic"}, ""]}


def test_policies_name_only_resources_of_the_stack() -> None:
    template = deployed()
    known = {*template.resources, *template.cloudformation["Parameters"]}
    for document in documents():
        for statement in statements(document):
            assert named(list(statement.resources)) <= known


def test_outputs_give_urls_tables_queues_and_the_key() -> None:
    outputs = deployed().cloudformation["Outputs"]
    assert set(TABLES) < set(outputs)
    assert {"AirbaseWebhookUrl", "ExactWebhookUrl", "ExactRedirectUri", "KmsKeyId"} < set(outputs)
    assert {f"{name}Url" for name in QUEUES} < set(outputs)


def test_the_consent_route_answers_before_api_gateway_times_out() -> None:
    assert properties("ExactConsentFunction")["Timeout"] < 30


def test_an_intent_is_resolved_only_after_its_worker_timed_out() -> None:
    timeout = properties("PoPostingFunction")["Timeout"]
    assert timedelta(seconds=timeout) * 2 <= SETTLE


def test_concurrency_is_reserved_only_when_asked_for() -> None:
    parameters = deployed().cloudformation["Parameters"]
    assert parameters["WebhookReservedConcurrency"]["Default"] == 0
    asked = [f for f in FUNCTIONS if "ReservedConcurrentExecutions" in properties(f)]
    assert asked == ["AirbaseWebhookFunction", "ExactWebhookFunction"]
    for function in asked:
        chosen = properties(function)["ReservedConcurrentExecutions"]
        assert chosen["Fn::If"][0::2] == ["ReservesWebhooks", {"Ref": "AWS::NoValue"}]


@pytest.mark.parametrize(("workers", "default"), [("OrderWorkers", 100), ("VendorWorkers", 2)])
def test_workers_have_a_limit_that_fits_a_small_account(workers: str, default: int) -> None:
    parameter = deployed().cloudformation["Parameters"][workers]
    assert (parameter["Default"], parameter["MinValue"]) == (default, 2), "AWS takes no less than 2"
    mappings = resources("AWS::Lambda::EventSourceMapping").values()
    limits = [mapping["ScalingConfig"]["MaximumConcurrency"] for mapping in mappings]
    assert {"Ref": workers} in limits


@pytest.mark.parametrize("api", [WEBHOOK_API, CONSOLE_API])
def test_each_route_has_a_limit_of_its_own(api: str) -> None:
    stage = STAGES[f"{api}ApiGatewayDefaultStage"]
    routes = {f"{r.method} {r.path}" for r in deployed().routes() if r.api == api}
    assert set(stage["RouteSettings"]) == routes
    for limits in stage["RouteSettings"].values():
        assert set(limits) == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}


def test_a_domain_is_optional_and_can_close_the_default_address() -> None:
    template = deployed().cloudformation
    conditional = {n for n, r in deployed().resources.items() if r.get("Condition") == "HasDomain"}
    assert conditional == {"CustomDomain", "CustomDomainMapping"}
    defaults = {name: each.get("Default") for name, each in template["Parameters"].items()}
    assert (defaults["DomainName"], defaults["DefaultAddress"]) == ("", "open")
    api = properties(WEBHOOK_API)
    closed = str(api["Body"]["servers"])
    assert "ClosesDefaultAddress" in closed
    for output in ("AirbaseWebhookUrl", "ExactWebhookUrl", "ExactRedirectUri"):
        condition, own, default = template["Outputs"][output]["Value"]["Fn::If"]
        assert condition == "HasDomain"
        assert own["Fn::Sub"].startswith("https://${DomainName}/")
        assert "ApiEndpoint" in default["Fn::Sub"]
    assert {"DomainNeedsItsCertificate", "ClosedNeedsADomain"} <= set(template["Rules"])


def test_refused_webhooks_are_counted_from_the_access_log() -> None:
    (counted,) = resources("AWS::Logs::MetricFilter").values()
    assert counted["LogGroupName"] == {"Ref": "WebhookApiLogs"}
    (metric,) = counted["MetricTransformations"]
    alarm = next(a for a in ALARMS.values() if a["MetricName"] == metric["MetricName"])
    assert alarm["Namespace"] == metric["MetricNamespace"]
    assert [each["Name"] for each in alarm["Dimensions"]] == [metric["Dimensions"][0]["Key"]]
    written = WEBHOOK_STAGE["AccessLogSettings"]["Format"]["Fn::Sub"]
    for field in ("route", "status", "service"):
        assert f'"{field}":' in written
    assert '"service":"${AWS::StackName}"' in written


@pytest.mark.parametrize(
    ("name", "rings_after"),
    [
        ("WebhookErrorAlarm", timedelta(minutes=10)),  # the sweep finds a single order
        ("TokenRefreshFailedAlarm", timedelta(hours=12)),  # two runs
    ],
)
def test_what_passes_does_not_ring(name: str, rings_after: timedelta) -> None:
    alarm = ALARMS[name]
    needed = alarm.get("DatapointsToAlarm", alarm["EvaluationPeriods"])
    assert timedelta(seconds=alarm["Period"] * needed) >= rings_after


def test_a_run_of_the_token_refresh_fails_only_when_lambda_gave_up() -> None:
    alarm = ALARMS["TokenRefreshErrorAlarm"]
    assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (2, "GreaterThanThreshold")


@pytest.mark.parametrize("holder", ["PoPostingFunction", "OperatorPolicy"])
def test_mail_is_sent_by_one_identity_and_only_when_a_sender_is_set(holder: str) -> None:
    policies = [properties(holder)["PolicyDocument"]] if holder == "OperatorPolicy" else []
    policies = policies or [
        each["PolicyDocument"] for each in properties("PoPostingRole")["Policies"]
    ]
    found = [each for document in policies for each in document["Statement"] if "Fn::If" in each]
    ((condition, statement, otherwise),) = [each["Fn::If"] for each in found]
    assert (condition, otherwise) == ("MailsPeople", {"Ref": "AWS::NoValue"})
    assert statement["Action"] == "ses:SendEmail"
    assert statement["Resource"]["Fn::Sub"][0].endswith(":identity/${Identity}")
    from_it = {"StringEquals": {"ses:FromAddress": {"Ref": "NotificationSender"}}}
    assert statement["Condition"] == from_it
