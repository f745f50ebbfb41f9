"""`make kept`: write what CloudFormation needs to bring kept tables and their key into a new stack.

    make kept ARGS="StackKey=1234abcd-... InboxTable=connector-InboxTable-1ABC ..."

Writes `build/kept-template.json`, the template reduced to these resources, and
`build/kept-resources.json`, which names them for `--resources-to-import`. docs/operations.md shows
both commands.
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from local.sam_template import SamTemplate

TEMPLATE, RESOURCES = Path("build/kept-template.json"), Path("build/kept-resources.json")
_IDENTIFIERS = {"AWS::DynamoDB::Table": "TableName", "AWS::KMS::Key": "KeyId"}


def kept(template: SamTemplate) -> dict[str, dict[str, Any]]:
    """Return the resources that outlive their stack, by logical id."""
    return {
        name: resource
        for name, resource in template.resources.items()
        if resource.get("DeletionPolicy") == "RetainExceptOnCreate"
    }


def reduced_template(template: SamTemplate) -> dict[str, Any]:
    """Return the template with the kept resources only, and the parameters they use.

    They are retained whatever happens: an import that fails must not delete them.
    """
    retained = {"DeletionPolicy": "Retain"}
    resources = {name: resource | retained for name, resource in kept(template).items()}
    parameters = template.cloudformation["Parameters"]
    used = {name: each for name, each in parameters.items() if f'"{name}"' in json.dumps(resources)}
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Parameters": used,
        "Resources": resources,
    }


def to_import(template: SamTemplate, names: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return the list for `--resources-to-import`; raises ValueError for what lacks a name."""
    resources = kept(template)
    if missing := resources.keys() ^ names.keys():
        raise ValueError(f"name each of {', '.join(resources)}: see {', '.join(sorted(missing))}")
    return [
        {
            "ResourceType": resource["Type"],
            "LogicalResourceId": name,
            "ResourceIdentifier": {_IDENTIFIERS[resource["Type"]]: names[name]},
        }
        for name, resource in resources.items()
    ]


def main(words: list[str]) -> None:
    """Write both files."""
    template = SamTemplate()
    try:
        resources = to_import(template, dict(word.split("=", 1) for word in words))
    except ValueError as error:
        sys.exit(str(error))
    TEMPLATE.parent.mkdir(exist_ok=True)
    TEMPLATE.write_text(json.dumps(reduced_template(template), indent=1), encoding="utf-8")
    RESOURCES.write_text(json.dumps(resources, indent=1), encoding="utf-8")
    sys.stdout.write(f"{TEMPLATE}\n{RESOURCES}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
