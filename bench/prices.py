"""AWS's list prices, in US dollars, without any free tier.

As of August 2026, from the AWS price list: the offers AmazonDynamoDB of 2026-08-15, AWSQueueService
of 2025-08-28, AmazonCloudWatch of 2026-08-06, AWSEvents of 2026-05-29 and AWSDataTransfer of
2026-07-20, as others have copied them from there. Those of Lambda, KMS, Secrets Manager and of HTTP
APIs are as their pricing pages showed them before; they have not changed for years. Compare them
with https://calculator.aws before you rely on a cent.
"""

from collections.abc import Mapping

MILLION = 1_000_000
IRELAND, FRANKFURT = "eu-west-1", "eu-central-1"

_EVERYWHERE: Mapping[str, float] = {
    "KMS key, month": 1.00,
    "KMS calls": 0.03 / 10_000,
    "secret, month": 0.40,
    "secret calls": 0.05 / 10_000,
    "alarm, month": 0.10,
    "metric, month": 0.30,
    "FIFO queue requests": 0.50 / MILLION,
    "Lambda requests": 0.20 / MILLION,
    "Lambda GB-seconds, arm64": 0.0000133334,
    "GB sent to the internet": 0.09,
}

PRICES: Mapping[str, Mapping[str, float]] = {
    IRELAND: {
        **_EVERYWHERE,
        "read units": 0.1415 / MILLION,
        "write units": 0.705 / MILLION,
        "GB-months of tables": 0.283,
        "GB-months of backups": 0.22,
        "GB of logs": 0.57,
        "GB-months of logs": 0.03,
        "scheduled calls": 1.00 / MILLION,
        "HTTP API calls": 1.11 / MILLION,
    },
    FRANKFURT: {
        **_EVERYWHERE,
        "read units": 0.1525 / MILLION,
        "write units": 0.7625 / MILLION,
        "GB-months of tables": 0.306,
        "GB-months of backups": 0.2448,
        "GB of logs": 0.63,
        "GB-months of logs": 0.0324,
        "scheduled calls": 1.15 / MILLION,
        "HTTP API calls": 1.20 / MILLION,
    },
}
