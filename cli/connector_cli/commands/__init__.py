"""The verbs: each parses its options, calls the layer and prints what it returns.

Modules are named after their verb or its subject: `orders` also has `retry`, `fetch`, `refresh` and
`codes`; `operations` has `redrive` and `restored`; `month_end` has `reconcile`.
"""
