"""Verify an exported audit trail (docs/audit-export.md): `python3 verify_audit.py FILE`."""

import csv
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

FORMATS = (1, 2)
FIELDS = ["kind", "record", "seq", "at", "actor", "step", "detail", "previous", "hash"]
TYPES = [str, str, int, str, str, str, dict, str, str]
START = "0" * 64  # what the first entry of a record is chained to
# Values that may name a person: their salts, by path; an entry of which only the hash is left; the
# step of the entry that tells of it.
SALTS, REMOVED, REMOVAL = "$salts", "$removed", "personal_data_removed"
COMMITMENT = re.compile("personal:[0-9a-f]{64}")
FRAME = {"": "#unreadable", "export": "#export", "end": "#end"}  # rows outside any record
# The quote mark before a formula: in front, or after what may separate cells.
FORMULA = r"(?=[\s\"']*[=+\-@\uff1d\uff0b\uff0d\uff20])"
GUARD = re.compile(rf"\A'(?='*[\t\r\n])|(?:\A|(?<=[;\t\r\n]))'{FORMULA}")
Row = dict[str, Any]


def rows(path: Path) -> Iterator[Row]:
    """Yield each row of a JSON Lines or CSV file; an unreadable one has the kind ""."""
    with path.open(encoding="utf-8", errors="replace", newline="\n") as file:
        is_json = file.read(1) == "{"
        file.seek(0)
        found: Iterator[Any] = file if is_json else csv.reader(file, strict=True)
        for number in range(1, sys.maxsize):
            try:
                one = next(found)
                if is_json or number > 1 or one != FIELDS:  # skip the header of a CSV file
                    yield row_of(one)
            except StopIteration:
                return
            except (ValueError, TypeError, AttributeError, RecursionError, csv.Error):
                yield {"kind": "", "record": "", "seq": number}


def row_of(one: str | list[str]) -> Row:
    """Return a line's row; raise ValueError unless it has all fields, each of its type."""
    if isinstance(one, list):
        row: Row = dict(zip(FIELDS, (GUARD.sub("", cell) for cell in one), strict=True))
        row |= {"seq": int(row["seq"]), "detail": json.loads(row["detail"])}
    else:
        row = json.loads(one)
    if list(row) != FIELDS or [type(value) for value in row.values()] != TYPES:
        raise ValueError("not a row")
    return row


def hash_of(row: Row) -> str:
    """Return the hash of an entry: a value with a salt counts as the hash of both.

    Of an entry that was removed as a whole, its hash is all that is left.
    """
    if REMOVED in row["detail"]:
        return str(row["hash"])
    content = json.loads(json.dumps({name: row[name] for name in FIELDS[1:7]}))
    salts = content["detail"].pop(SALTS, {})
    try:
        for path, salt in salts.items():
            *above, last = (key.replace("~1", "/").replace("~0", "~") for key in path.split("/"))
            holder: Any = content
            for key in above:
                holder = holder[int(key) if isinstance(holder, list) else key]
            at: Any = int(last) if isinstance(holder, list) else last
            value = f"{salt}\n{holder[at]}".encode(errors="replace")
            holder[at] = f"personal:{hashlib.sha256(value).hexdigest()}"
    except (LookupError, ValueError, TypeError, AttributeError):
        return "a salt of nothing"
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{row['previous']}\n{text}".encode(errors="replace")).hexdigest()


def removals_that_nobody_tells_of(entries: list[Row]) -> Iterator[str]:
    """Yield the entries of which something was removed without an entry that says so."""
    told: set[tuple[object, object]] = set()
    gone: list[tuple[object, object]] = []
    for row in entries:
        detail, salts = row["detail"], dict_in(row["detail"], SALTS)
        if REMOVED in detail:
            gone.append((row["seq"], row["hash"]))
            continue
        if row["step"] == REMOVAL:
            told |= told_in(detail, "entries", "hash") | told_in(detail, "values", "path")
        rest = {name: value for name, value in detail.items() if name != SALTS}
        for path, text in [("actor", row["actor"]), *texts("detail", rest)]:
            if path not in salts and COMMITMENT.fullmatch(text):
                gone.append((row["seq"], path))
    for number, what in gone:
        if (str(number), str(what)) not in told:
            yield f"of entry {number} something was removed, and no entry tells of it"


def told_in(detail: Row, name: str, key: str) -> set[tuple[object, object]]:
    """Return what an entry tells of: the number of each entry, and what was removed of it."""
    found = detail.get(name)
    rows = [each for each in found if isinstance(each, dict)] if isinstance(found, list) else []
    return {(str(each.get("seq")), str(each.get(key))) for each in rows}


def dict_in(detail: Row, name: str) -> Row:
    """Return an object in a detail; empty if it is none."""
    found = detail.get(name)
    return found if isinstance(found, dict) else {}


def texts(path: str, value: Any) -> Iterator[tuple[str, str]]:
    """Yield each text in a value, with its path."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for name, each in value.items():
            escaped = name.replace("~", "~0").replace("/", "~1")
            yield from texts(f"{path}/{escaped}", each)
    elif isinstance(value, list):
        for position, each in enumerate(value):
            yield from texts(f"{path}/{position}", each)


def check_record(found: list[Row], *, is_all: bool) -> Iterator[str]:
    """Yield what is wrong with one record, given its entries and then its anchor."""
    *entries, anchor = found
    if anchor["kind"] != "anchor" or any(row["kind"] != "entry" for row in entries):
        yield "has no anchor at its end: it may be cut off"
        return
    after, until, ledger = *map(anchor["detail"].get, ("after", "until")), anchor["seq"]
    seq, known = after if type(after) is int else 0, {anchor["previous"] if after else START}
    for row in entries:
        sealed = hash_of(row)
        if row["hash"] != sealed:
            yield f"entry {row['seq']} was changed"
        if row["seq"] > seq + 1:
            yield f"entry {seq + 1} is missing before entry {row['seq']}"
        elif row["seq"] <= seq:
            yield f"entry {row['seq']} is repeated or out of place"
        elif row["previous"] not in known:
            yield f"entry {row['seq']} does not follow what is before it: one was changed"
        seq, known = max(seq, row["seq"]), {row["hash"], sealed}
    if until == ledger:  # else the entry that tells of a removal may be after the period
        yield from removals_that_nobody_tells_of(entries)
    if seq != until or seq > ledger or (is_all and (after, until) != (0, ledger)):
        yield f"ends at entry {seq}; its anchor says {after} to {until}, the ledger knows {ledger}"
    elif seq == ledger and anchor["hash"] not in known:
        yield f"entry {seq} is not the one the ledger knows"


def faults(path: Path, counts: Counter[str]) -> Iterator[str]:
    """Yield what is wrong with the file, from top to bottom; count its rows by kind."""
    head: Row = {"record": "", "seq": 0, "detail": {}}
    end = head
    for name, group in groupby(rows(path), key=lambda row: FRAME.get(row["kind"], row["record"])):
        found = list(group)
        counts.update(row["kind"] for row in found)
        if name == FRAME[""]:
            yield from (f"line {row['seq']} cannot be read" for row in found)
        elif name in FRAME.values():
            head, end = (found[0], end) if name == FRAME["export"] else (head, found[0])
        else:
            is_all = not any(head["detail"].get(side, "?") for side in ("from", "to"))
            yield from (f"{name}: {fault}" for fault in check_record(found, is_all=is_all))
    digest, last = hashlib.sha256(), b""
    with path.open("rb") as file:
        for line in file:
            digest.update(last)
            last = line
    counted = {"entries": counts["entry"], "anchors": counts["anchor"]}
    rest = [sum(counted.values()), "", "", "", counted, START, digest.hexdigest()]
    frame = (counts["export"], counts["end"], last.isascii(), last[-1:])
    is_known = head["seq"] in FORMATS and frame == (1, 1, True, b"\n")
    if not is_known or list(end.values()) != ["end", head["record"], *rest]:
        yield "the file was changed or cut off: its last line does not fit the lines before it"


def main() -> int:
    """Print a line for each thing that is wrong; return 1 if there is any."""
    csv.field_size_limit(2**31 - 1)
    counts = Counter[str]()
    try:
        for fault in faults(Path(sys.argv[1]), counts):
            counts["faults"] += 1
            print("BROKEN", fault.encode("ascii", "backslashreplace").decode())
    except (OSError, IndexError) as error:
        print(f"usage: verify_audit.py FILE ({error})", file=sys.stderr)
        return 2
    print(f"{counts['entry']} entries of {counts['anchor']} records, {counts['faults']} faults")
    return 1 if counts["faults"] else 0


if __name__ == "__main__":
    sys.exit(main())
