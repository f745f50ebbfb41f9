"""IAM's conditions on the context of a request.

A context maps lower-case keys to tuples of texts; an absent key is not in it. Only the operators
that the policies use are here: another one is refused when the policies are read, not guessed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from local.rights.patterns import is_arn_like, is_like

Context = Mapping[str, tuple[str, ...]]
Condition = Callable[[Context], bool]
_Compare = Callable[[str, str], bool]

_COMPARISONS: dict[str, _Compare] = {
    "StringEquals": str.__eq__,
    "StringEqualsIgnoreCase": lambda wanted, found: wanted.lower() == found.lower(),
    "StringLike": is_like,
    "ArnEquals": is_arn_like,  # both mean the same in IAM
    "ArnLike": is_arn_like,
    "Bool": lambda wanted, found: wanted.lower() == found.lower(),
}
_KEYS = (
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceowner",
    "dynamodb:leadingkeys",
    "kms:encryptioncontext:",
    "kms:encryptioncontextkeys",
    "kms:viaservice",
    "ses:fromaddress",
    "sns:protocol",
)
"""What a context can hold here (`:` at the end: any key that begins so)."""

_NEGATED = {
    "StringNotEquals": "StringEquals",
    "StringNotEqualsIgnoreCase": "StringEqualsIgnoreCase",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def compile_condition(block: Mapping[str, Mapping[str, Any]]) -> Condition:
    """Return a function that says whether a context meets every condition of the block.

    Raises ValueError for an operator or a key that is not known here, and for policy variables.
    """
    parts = [
        _part(operator, key.lower(), tuple(_texts(values)))
        for operator, keys in block.items()
        for key, values in keys.items()
    ]
    return lambda context: all(part(context) for part in parts)


def _part(operator: str, key: str, wanted: tuple[str, ...]) -> Condition:
    quantifier, _, plain = operator.rpartition(":")
    if any("${" in text for text in wanted):
        raise ValueError(f"policy variables are not known here: {wanted}")
    if not any(key == each or (each[-1] == ":" and key.startswith(each)) for each in _KEYS):
        raise ValueError(f"the condition key {key} is not known here")
    if plain == "Null":
        return _null(key, wanted)
    plain, if_exists = plain.removesuffix("IfExists"), plain.endswith("IfExists")
    negated = plain in _NEGATED
    compare = _COMPARISONS.get(_NEGATED.get(plain, plain))
    if compare is None or quantifier not in ("", "ForAllValues", "ForAnyValue"):
        raise ValueError(f"the condition operator {operator} is not known here")

    def fits(found: str) -> bool:
        return any(compare(each, found) for each in wanted) != negated

    missing = if_exists or (negated and not quantifier) or quantifier == "ForAllValues"
    return _QUANTIFIED[quantifier](key, fits, missing)


def _single(key: str, fits: Callable[[str], bool], missing: bool) -> Condition:
    def holds(context: Context) -> bool:
        found = context.get(key, ())
        # Several values without a quantifier: AWS's answer is not defined, so none is allowed.
        return fits(found[0]) if len(found) == 1 else missing and not found

    return holds


def _of_all(key: str, fits: Callable[[str], bool], missing: bool) -> Condition:
    return lambda context: all(map(fits, found)) if (found := context.get(key, ())) else missing


def _of_any(key: str, fits: Callable[[str], bool], missing: bool) -> Condition:
    return lambda context: any(map(fits, found)) if (found := context.get(key, ())) else missing


_QUANTIFIED = {"": _single, "ForAllValues": _of_all, "ForAnyValue": _of_any}


def _null(key: str, wanted: tuple[str, ...]) -> Condition:
    if wanted not in (("true",), ("false",)):
        raise ValueError(f"Null is true or false, not {wanted}")
    absent = wanted == ("true",)
    return lambda context: (not context.get(key)) == absent


def _texts(values: Any) -> list[str]:
    every = values if isinstance(values, list) else [values]
    return [str(each).lower() if isinstance(each, bool) else str(each) for each in every]
