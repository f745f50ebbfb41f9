"""Propose a profile from one real payload: the paths of what its names and shapes give away."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ml_connector.settings.airbase_profile import AirbaseProfile
from ml_connector.user_errors import UserError

_NAMES: Mapping[str, tuple[str, ...]] = {
    "id": ("id", "airbase_id", "purchase_order_id", "order_id", "po_id", "uuid"),
    "number": ("number", "po_number", "purchase_order_number", "order_number", "reference", "ref"),
    "state": ("status", "state", "approval_status", "approval_state"),
    "outcome": ("outcome", "request_type", "spend_type", "payment_type", "type", "kind"),
    "revision": ("revision", "version", "updated_at", "modified_date", "updated_date"),
    "currency": ("currency", "currency_code", "iso_currency"),
    "total": ("total_amount", "total", "amount", "grand_total", "total_value"),
    "description": ("notes", "description", "memo", "purpose", "title", "comment"),
    "order_date": ("approved_date", "approved_at", "approval_date", "order_date", "approved_on"),
    "receipt_date": ("expected_date", "delivery_date", "expected_delivery_date", "needed_by"),
    "payment_condition": ("payment_term", "payment_terms", "payment_condition", "terms"),
    "quantity": ("quantity", "qty", "units"),
    "unit_price": ("unit_price", "price", "rate", "unit_amount"),
    "vat_code": ("tax_code", "vat_code", "tax", "vat", "tax_rate_code"),
    "line_amount": ("amount", "total_amount", "total", "line_total", "net_amount"),
}
_REFERENCES: Mapping[str, tuple[str, ...]] = {
    "subsidiary": ("subsidiary", "entity", "legal_entity", "company", "business_unit"),
    "vendor": ("vendor", "supplier", "payee", "seller"),
    "gl_account": ("account", "gl_account", "ledger_account", "category", "gl"),
}
_PARTS: Mapping[str, tuple[str, ...]] = {
    "id": ("airbase_id", "id", "uuid"),
    "code": ("erp_reference_id", "account_number", "code", "external_id", "number"),
    "name": ("name", "label", "title", "display_name"),
}
_LINES = ("expense_list", "lines", "line_items", "items", "splits", "category_splits")
_TAGS = ("transaction_tags", "tags", "dimensions", "custom_fields")
_TAG_LABELS = ("type_label", "dimension", "label", "type", "field")
_EVENT_NAMES: Mapping[str, tuple[str, ...]] = {
    "event_id": ("id", "event_id", "webhook_id", "delivery_id", "uuid"),
    "event_type": ("type", "event", "event_type", "topic", "action"),
    "event_created": ("created_date", "created", "created_at", "timestamp", "occurred_at"),
}
_REQUIRED = ("id", "state", "subsidiary", "vendor", "currency", "total", "lines")
_DEPTH = 6
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass
class ProfileProposal:
    """A proposed profile: `settings` are what differs from the defaults; `missing` was not found.

    `unsure` says what a person has to check.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    unsure: list[str] = field(default_factory=list)

    def as_toml(self) -> str:
        """Return the settings as the `[profile]` of a connection file."""
        return "\n".join(_toml("profile", self.settings))


def propose_profile(sample: Any) -> ProfileProposal:
    """Return a profile for a webhook body or an order, as Airbase's JSON has it.

    Raise `UserError` when nothing in it looks like an order.
    """
    place = _find_order(sample)
    if place is None:
        raise UserError(
            "nothing in the sample looks like an order: an object with a list of lines that have "
            f"amounts, under a name such as {', '.join(_LINES[:4])}"
        )
    path, order = place
    proposal = ProfileProposal()
    _event(proposal, sample, path)
    order_map = _order_map(proposal, order)
    defaults = AirbaseProfile()
    known = defaults.order.model_dump()
    line = {k: v for k, v in order_map.pop("line").items() if v != known["line"][k]}
    changed = {name: value for name, value in order_map.items() if value != known[name]}
    if line:
        changed["line"] = line
    if changed:
        proposal.settings["order"] = changed
    _words(proposal, order, order_map, defaults)
    return proposal


def _find_order(sample: Any) -> tuple[str, Mapping[str, Any]] | None:
    """Return the path and the object of the order, the outermost one with lines."""
    level: list[tuple[str, Any]] = [("", sample)]
    for _ in range(_DEPTH):
        for path, value in level:
            if isinstance(value, Mapping) and _lines_of(value):
                return path, value
        level = [
            (f"{path}.{_quoted(name)}".lstrip("."), inner)
            for path, value in level
            if isinstance(value, Mapping)
            for name, inner in value.items()
        ]
    return None


def _lines_of(order: Mapping[str, Any]) -> tuple[str, Sequence[Any]] | None:
    name = _named(order, _LINES)
    found = order.get(name) if name else None
    is_lines = isinstance(found, list) and found and all(isinstance(x, Mapping) for x in found)
    if name is None or not is_lines or not isinstance(found, list):
        return None
    return (name, found) if _named(found[0], _NAMES["line_amount"]) else None


def _event(proposal: ProfileProposal, sample: Mapping[str, Any], path: str) -> None:
    defaults = AirbaseProfile()
    if not path:
        proposal.unsure.append(
            "The sample is an order, not a webhook body: event_* are not proposed."
        )
        return
    outer: dict[str, Any] = {"order_source": "event", "event_order": path}
    for setting, names in _EVENT_NAMES.items():
        if name := _named(sample, names):
            outer[setting] = _quoted(name)
        else:
            proposal.missing.append(setting)
    order = _at(sample, path)
    if id_name := _named(order, _NAMES["id"]):
        outer["event_order_id"] = f"{path}.{_quoted(id_name)}"
    proposal.settings |= {k: v for k, v in outer.items() if v != getattr(defaults, k)}
    proposal.unsure.append(
        "The event carries the whole order (order_source): if it is not signed, use detail instead."
    )
    proposal.unsure.append("How calls are signed is not in a body: set [profile.verification].")


def _at(sample: Mapping[str, Any], path: str) -> Mapping[str, Any]:
    found: Any = sample
    for name in re.findall(r'"[^"]+"|[^.]+', path):
        found = found[name.strip('"')]
    return found  # type: ignore[no-any-return]


def _order_map(proposal: ProfileProposal, order: Mapping[str, Any]) -> dict[str, Any]:
    defaults = AirbaseProfile().order
    found: dict[str, Any] = {}
    for setting in ("id", "number", "state", "outcome", "revision", "currency", "total",
                    "description", "order_date", "receipt_date", "payment_condition"):  # fmt: skip
        found[setting] = _field(order, setting) or _absent(proposal, setting)
    for setting in ("subsidiary", "vendor"):
        found[setting] = _reference(order, setting) or _absent(proposal, setting)
    name, lines = _lines_of(order) or ("", ())
    found["lines"] = _quoted(name)
    found["tags"] = _tags(order) or defaults.tags
    line: Mapping[str, Any] = lines[0]
    found["line"] = {
        "amount": _field(line, "amount", _NAMES["line_amount"]) or defaults.line.amount,
        "gl_account": _reference(line, "gl_account") or _absent(proposal, "line.gl_account"),
        "tags": _tags(line) or defaults.line.tags,
    }
    for setting in ("description", "quantity", "unit_price", "vat_code", "receipt_date"):
        found["line"][setting] = _field(line, setting) or _absent(proposal, f"line.{setting}")
    if not _field(line, "unit_price"):
        found["line"]["unit_price"] = defaults.line.unit_price
    if all(isinstance(_at_name(x, found["line"]["amount"]), int) for x in lines):
        proposal.unsure.append(
            'Amounts are whole numbers: if they are cents, money_form = "minor_units".'
        )
    return found


def _at_name(value: Mapping[str, Any], path: str) -> Any:
    found: Any = value
    for part in path.split("."):
        found = found.get(part.strip('"')) if isinstance(found, Mapping) else None
    return found


def _absent(proposal: ProfileProposal, setting: str) -> str:
    """Note a field that was not found; its path then finds nothing, which may be right."""
    proposal.missing.append(setting)
    name = setting.removeprefix("line.")
    known = AirbaseProfile().order
    return str(getattr(known.line if setting.startswith("line.") else known, name))


def _field(value: Mapping[str, Any], setting: str, names: Sequence[str] = ()) -> str:
    """Return the path of a plain value: at a name, or one level below (`total.amount`)."""
    for name in _all_named(value, names or _NAMES[setting]):
        inner = value[name]
        if not isinstance(inner, Mapping | list):
            return _quoted(name)
        if isinstance(inner, Mapping):
            below = {"currency": ("iso_code", "code", "currency")}.get(
                setting, ("amount", "value", "code", "name", "date")
            )
            if part := _named(inner, below):
                return f"{_quoted(name)}.{_quoted(part)}"
    if setting == "currency":
        for name in _all_named(value, _NAMES["total"]):
            inner = value[name]
            if isinstance(inner, Mapping) and (part := _named(inner, _NAMES["currency"])):
                return f"{_quoted(name)}.{_quoted(part)}"
    return ""


def _reference(value: Mapping[str, Any], setting: str) -> str:
    """Return a path to id, code and name: of an object, or of names that begin alike."""
    for own in _all_named(value, _REFERENCES[setting]):
        inner = value[own]
        if isinstance(inner, Mapping) and (parts := dict(_parts(inner))):
            return f"{_quoted(own)}.{{{', '.join(f'{k}: {v}' for k, v in parts.items())}}}"
    for stem in _REFERENCES[setting]:
        flat = {
            part: _quoted(name)
            for part, names in _PARTS.items()
            if (name := _named(value, [f"{stem}_{each}" for each in names])) is not None
        }
        if flat:
            return f"{{{', '.join(f'{k}: {v}' for k, v in flat.items())}}}"
    for own in _all_named(value, _REFERENCES[setting]):
        if isinstance(value[own], str | int):
            return f"{{code: {_quoted(own)}, name: {_quoted(own)}}}"
    return ""


def _parts(value: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for part, names in _PARTS.items():
        if name := _named(value, names):
            yield part, _quoted(name)


def _tags(value: Mapping[str, Any]) -> str:
    name = _named(value, _TAGS)
    found = value.get(name) if name else None
    if (
        name is None
        or not isinstance(found, list)
        or not found
        or not isinstance(found[0], Mapping)
    ):
        return ""
    label = _named(found[0], _TAG_LABELS)
    if label is None:
        return ""
    left = {key: inner for key, inner in found[0].items() if key != label}
    parts = [f"dimension: {_quoted(label)}", *(f"{k}: {v}" for k, v in _parts(left) if k != "id")]
    return f"map(&{{{', '.join(parts)}}}, {_quoted(name)} || `[]`)"


def _words(
    proposal: ProfileProposal,
    order: Mapping[str, Any],
    paths: Mapping[str, Any],
    defaults: AirbaseProfile,
) -> None:
    word = str(_at_name(order, paths["state"]) or "")
    if word and word.lower() not in defaults.state_words:
        proposal.settings["state_words"] = {word: "approved"}
        proposal.unsure.append(
            f"State {word!r} is taken for approved: name every other word of this tenant as well."
        )
    word = str(_at_name(order, paths["outcome"]) or "")
    if not word:
        proposal.settings["outcome_when_absent"] = "purchase_order"
        proposal.unsure.append("No outcome: every approved request is taken for a purchase order.")
    elif word.lower() not in defaults.outcome_words:
        proposal.settings["outcome_words"] = {word: "purchase_order"}
        proposal.unsure.append(f"Outcome {word!r} is taken for a purchase order; name the others.")
    proposal.unsure += [f"Not found: {each}, which is required." for each in proposal.missing
                        if each in _REQUIRED]  # fmt: skip


def _named(value: Any, names: Sequence[str]) -> str | None:
    return next(iter(_all_named(value, names)), None)


def _all_named(value: Any, names: Sequence[str]) -> list[str]:
    """Return the object's own names for any of these, the best first; case and `_` do not count."""
    if not isinstance(value, Mapping):
        return []
    plain = {_plain(name): name for name, inner in value.items() if inner is not None}
    return [plain[_plain(name)] for name in names if _plain(name) in plain]


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _quoted(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else json.dumps(name)


def _toml(table: str, settings: Mapping[str, Any]) -> Iterator[str]:
    yield f"[{table}]"
    for name, value in settings.items():
        if not isinstance(value, Mapping):
            yield f"{name} = {json.dumps(value, ensure_ascii=False)}"
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield ""
            if name.endswith("_words"):
                yield f"[{table}.{name}]"
                yield from (f"{json.dumps(k)} = {json.dumps(v)}" for k, v in value.items())
            else:
                yield from _toml(f"{table}.{name}", value)
