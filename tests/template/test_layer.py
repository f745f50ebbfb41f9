"""The layer contains the AWS services that the roles name; the others are pruned."""

import ast
import re
import sys
from pathlib import Path

from local.sam_template import TEMPLATE

# Condition prefixes; services used by Lambda, IAM and the command.
_NO_CLIENT = {"aws", "cloudformation", "logs", "sts"}
_CLIENTS = {"ses": "sesv2"}
"""Services whose client has another name than their actions."""


def test_every_service_in_a_role_is_in_the_layer() -> None:
    makefile = TEMPLATE.parent / "layers" / "connector" / "Makefile"
    kept = re.search(r"^SERVICES := (.+)$", makefile.read_text("utf-8"), re.MULTILINE)
    assert kept
    actions = r"(?:^|[\s\[,])([a-z0-9]+):[A-Z][A-Za-z]+"
    named = set(re.findall(actions, TEMPLATE.read_text("utf-8"))) - _NO_CLIENT
    assert {_CLIENTS.get(each, each) for each in named} == set(kept[1].split())


def test_every_package_that_the_layer_imports_is_in_it() -> None:
    requirements = Path(TEMPLATE.parent, "requirements", "layer.in").read_text("utf-8").split()
    packaged = {name.replace("-", "_") for name in requirements} | {"botocore", "stdnum"}
    packaged = packaged - {"python_stdnum"} | {"aws_lambda_powertools"}
    source = TEMPLATE.parent / "layers" / "connector" / "ml_connector"
    imported = {
        name.partition(".")[0]
        for path in source.rglob("*.py")
        if path.name != "workbooks.py"  # what only people use, on their machines
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        for name in _modules(node)
    }
    assert imported - sys.stdlib_module_names - {"ml_connector"} <= packaged


def _modules(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [each.name for each in node.names]
    return [node.module or ""] if isinstance(node, ast.ImportFrom) else []
