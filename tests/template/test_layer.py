"""The layer carries the AWS services that the roles speak of: the others are pruned."""

import re

from local.blueprint import TEMPLATE

_NO_CLIENT = {"aws", "logs", "sts"}  # conditions; what Lambda and IAM call themselves


def test_every_service_in_a_role_is_in_the_layer() -> None:
    makefile = TEMPLATE.parent / "layers" / "connector" / "Makefile"
    kept = re.search(r"^SERVICES := (.+)$", makefile.read_text("utf-8"), re.MULTILINE)
    assert kept
    actions = r"(?:^|[\s\[,])([a-z0-9]+):[A-Z][A-Za-z]+"
    named = set(re.findall(actions, TEMPLATE.read_text("utf-8"))) - _NO_CLIENT
    assert named == set(kept[1].split())
