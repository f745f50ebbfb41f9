"""The codes for what Exact returns when its data are read: rows, streams and listings."""

from ml_connector.domain.exception_codes.catalogue_entry import CatalogueEntry, Severity

READINGS: tuple[CatalogueEntry, ...] = (
    CatalogueEntry(
        "EXACT_ROW_UNREADABLE",
        Severity.NOTE,
        "Exact returned a row that cannot be read. It was set aside; everything else was read.",
        "Look at this record in Exact, correct the named field and save it again: it is then read "
        "by itself, as it is once a day. If it looks right in Exact, send Exact's support this "
        "text. Orders that need it become exceptions.",
        {
            "row": "It is {name} ({identity}) from {path} in division {division}: {wrong}.",
        },
    ),
    CatalogueEntry(
        "EXACT_ROWS_UNREADABLE",
        Severity.NOTE,
        "Exact returned more rows that cannot be read than are listed one by one.",
        "Resolve the listed ones first: with so many, they usually have one cause. Then run "
        "`connector refresh {connection} {division}`.",
        {
            "count": "{count} more rows from {path} in division {division} were set aside.",
        },
    ),
    CatalogueEntry(
        "EXACT_RECORD_UNREADABLE",
        Severity.EXCEPTION,
        "A record of Exact that is needed here cannot be read. {what}: {wrong}.",
        "Look at this record in Exact, correct the named field and save it again, then retry. If "
        "it looks right in Exact, send Exact's support this text.",
    ),
)
