"""A division's reference data as far as they were read: what is missing is collected.

An order is mapped with what is known. If anything was missing, the result does not count: all of it
is read at once, and the order is mapped again.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ml_connector.domain.ids import Division, Guid
from ml_connector.domain.orders.order import Reference
from ml_connector.domain.orders.questions import Known, Lookup, UnansweredError
from ml_connector.domain.orders.reference_data import Code, CodeKind, GLAccount, Item, Supplier

# By kind of mapping: what looks up the Exact code that it names.
_FOUND_BY = {"suppliers": "supplier", "gl_accounts": "gl_account", "items": "item"}
_CODE_KINDS: Mapping[str, CodeKind] = {
    "cost_centres": "cost_centre", "cost_units": "cost_unit", "projects": "project",
    "vat_codes": "vat_code", "payment_conditions": "payment_condition",
}  # fmt: skip


def what_follows(asked: Lookup, said: Any) -> Iterator[Lookup]:
    """Yield what will be asked next after this answer: to read it at once saves a decision."""
    division, what = asked.division, asked.what
    if what == "mapped" and said:
        kind = asked.arguments[0]
        one, code_kind = _FOUND_BY.get(kind), _CODE_KINDS.get(kind)
        if one:
            yield Lookup(division, one, (said,))
        elif code_kind:
            yield Lookup(division, "code", (code_kind, said))
    elif what == "linked_supplier" and said:
        yield Lookup(division, "supplier", (said,))
        yield Lookup(division, "doubt", (*asked.arguments, said))
    elif what == "supplier" and said:
        yield from _codes(division, said.vat_code, said.payment_condition)
    elif what == "gl_account" and said:
        yield Lookup(division, "mapped", ("items", (said.code,)))
        yield Lookup(division, "carriers", (said.id,))
        yield from _codes(division, said.vat_code)


def _codes(division: Division, vat_code: str, payment_condition: str = "") -> Iterator[Lookup]:
    if vat_code:
        yield Lookup(division, "code", ("vat_code", vat_code))
    if payment_condition:
        yield Lookup(division, "code", ("payment_condition", payment_condition))


class KnownDivisionData:
    """`DivisionData` out of the answers in `Known`; what is not known counts as absent."""

    def __init__(self, known: Known, division: Division) -> None:
        """Answer for one division."""
        self._known = known
        self._division = division
        self._unanswered: dict[Lookup, None] = {}

    def refuse_if_unanswered(self) -> None:
        """Raise `UnansweredError` when something was asked that is not known."""
        if self._unanswered:
            raise UnansweredError(list(self._unanswered))

    def mapped(self, kind: str, keys: Sequence[str]) -> str | None:
        """See `DivisionData.mapped`."""
        found: str | None = self._look_up("mapped", None, kind, tuple(keys))
        return found

    def linked_supplier(self, vendor: Reference) -> str | None:
        """See `DivisionData.linked_supplier`."""
        found: str | None = self._look_up("linked_supplier", None, vendor)
        return found

    def doubt(self, vendor: Reference, supplier: Guid) -> str:
        """See `DivisionData.doubt`."""
        found: str = self._look_up("doubt", "", vendor, supplier)
        return found

    def supplier(self, id_or_code: str) -> Supplier | None:
        """See `DivisionData.supplier`."""
        found: Supplier | None = self._look_up("supplier", None, id_or_code)
        return found

    def suppliers_like(self, name: str) -> Sequence[Supplier]:
        """See `DivisionData.suppliers_like`; only asked once everything else is known."""
        if self._unanswered:
            return ()
        found: Sequence[Supplier] = self._look_up("suppliers_like", (), name)
        return found

    def gl_account(self, id_or_code: str) -> GLAccount | None:
        """See `DivisionData.gl_account`."""
        found: GLAccount | None = self._look_up("gl_account", None, id_or_code)
        return found

    def item(self, id: Guid) -> Item | None:
        """See `DivisionData.item`."""
        found: Item | None = self._look_up("item", None, id)
        return found

    def carriers(self, gl_account: Guid) -> Sequence[Item]:
        """See `DivisionData.carriers`."""
        found: Sequence[Item] = self._look_up("carriers", (), gl_account)
        return found

    def code(self, kind: CodeKind, code: str) -> Code | None:
        """See `DivisionData.code`."""
        found: Code | None = self._look_up("code", None, kind, code)
        return found

    def is_linked(self, item: Guid, supplier: Guid) -> bool:
        """See `DivisionData.is_linked`."""
        found: bool = self._look_up("is_linked", False, item, supplier)  # noqa: FBT003  absent: not linked
        return found

    def _look_up(self, what: str, absent: Any, *arguments: Any) -> Any:
        question = Lookup(self._division, what, arguments)
        if question not in self._known.answers:
            self._unanswered[question] = None
        return self._known.answers.get(question, absent)
