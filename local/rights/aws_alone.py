"""Rights that nothing on the local stack can be seen to use, each with its reason."""

TABLE_KEY = (
    "DynamoDB's documentation asks for it of everyone who uses a table under a key of one's own; "
    "CloudTrail shows only kms:Decrypt while items are read and written"
)
USED_BY_AWS_ALONE: dict[tuple[str, str], str] = {
    ("UseTheKeyThroughTables", "kms:DescribeKey"): TABLE_KEY,
    ("UseTheKeyThroughTables", "kms:Encrypt"): TABLE_KEY,
    ("UseTheKeyThroughTables", "kms:GenerateDataKey"): TABLE_KEY,
    ("ReadTheKeyThroughTables", "kms:DescribeKey"): TABLE_KEY,
}
"""By statement and action, or what else could be taken away."""
