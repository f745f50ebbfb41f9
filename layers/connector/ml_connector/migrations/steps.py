"""All migration steps, in their order.

To add one: write a module with a `Step`, append it here, raise `data_form.NEWEST` to its number,
and let readers take both forms until `Ledger.has_form` says that the step is done. Tell in
CHANGELOG.md that `connector migrate` is to be run.
"""

from ml_connector.migrations import division_keys, mapping_rows, order_names
from ml_connector.migrations.step import Step

STEPS: tuple[Step, ...] = (order_names.STEP, division_keys.STEP, mapping_rows.STEP)
