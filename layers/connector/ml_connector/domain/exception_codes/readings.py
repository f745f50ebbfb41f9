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
            "count": "Set aside besides those, from {path} in division {division}: {count}.",
        },
    ),
    CatalogueEntry(
        "EXACT_READING_REFUSED",
        Severity.EXCEPTION,
        "Exact refuses to let {path} be read in division {division}; what was read before is used.",
        "Give the user who consented the right to read it in this division, and the app the scope "
        "{scope}; check it with `connector ping {connection}`. It is tried again within a day, or "
        "at once with `connector refresh {connection} {division}`.",
        {
            "words": "This has lasted since {since}. {words}",
        },
    ),
    CatalogueEntry(
        "EXACT_READING_FAILS",
        Severity.EXCEPTION,
        "Exact gives no usable answer for {path} in division {division}; what was read before is "
        "used.",
        "It is tried again every hour. If Exact's status page shows no fault, send Exact's support "
        "this text.",
        {
            "words": "This has lasted since {since}. {words}",
        },
    ),
    CatalogueEntry(
        "EXACT_LISTING_SHRANK",
        Severity.EXCEPTION,
        "{path} in division {division} had {stored} rows and suddenly has {found}. A right is "
        "missing, probably: Exact then shows nothing. The rows read before are kept and used.",
        "Give the user who consented the right to see them in Exact; the exception then closes by "
        "itself. If they were really removed, say so: `connector map accept-listing {connection} "
        "{division} {path} --reason WHY`.",
        {
            "confirmed": "{by} has said that this is right; it is taken over when Exact says the "
            "same again and another call shows that it may be read.",
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
