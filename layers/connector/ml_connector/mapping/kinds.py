"""The kinds of mappings."""

from collections.abc import Mapping
from typing import get_args

from ml_connector.domain.orders.reference_data import CodeKind
from ml_connector.settings.connection import Dimension

SUBSIDIARIES, GL_ACCOUNTS, ITEMS = "subsidiaries", "gl_accounts", "items"
VAT_CODES, PAYMENT_CONDITIONS, SUPPLIERS = "vat_codes", "payment_conditions", "suppliers"
DIMENSIONS: Mapping[str, Dimension] = {f"{kind}s": kind for kind in get_args(Dimension)}
KINDS = (SUBSIDIARIES, GL_ACCOUNTS, ITEMS, *DIMENSIONS, VAT_CODES, PAYMENT_CONDITIONS, SUPPLIERS)
"""The tables of the connection file, and `subsidiaries`, each of which a division serves."""

CODE_KINDS: Mapping[str, CodeKind] = {
    **DIMENSIONS, VAT_CODES: "vat_code", PAYMENT_CONDITIONS: "payment_condition",
}  # fmt: skip
"""The kind of code in the reference data, of the kinds of mapping that have one."""
