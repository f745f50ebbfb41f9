import csv
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connector_cli.main import app

AIRBASE = """id,name,vat_number,erp_reference_id
1,Kanimo B.V.,,
2,Knaimo Techniek,,
3,Brand,NL004495445B01,
4,Unknown,,
5,Zorendis,,1042
"""
EXACT = """\N{ZERO WIDTH NO-BREAK SPACE}ID;Name;VAT_Number;Code;Notes
a;"KANIMO; BV";;1;
b;Kanimo Techniek B.V.;;2;"two
lines"
c;Legal name;NL 0044.95.445.B01;3;

d;Zorendis GmbH;;  1042;
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "A.csv").write_text(AIRBASE, encoding="utf-8")
    (tmp_path / "E.csv").write_text(EXACT, encoding="utf-8")
    return tmp_path


def run(folder: Path, out: str = "M.csv") -> tuple[int, str, str]:
    arguments = ["vendors", "match", "--airbase", f"{folder}/A.csv", "--exact", f"{folder}/E.csv"]
    result = CliRunner().invoke(app, [*arguments, "--out", f"{folder}/{out}"])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout, result.stderr


def test_one_row_for_each_vendor_in_their_order(folder: Path) -> None:
    code, out, _ = run(folder)
    assert code == 0
    assert out.startswith("5 vendors: 3 link, 1 review, 1 none; written to ")
    with (folder / "M.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == [
        "airbase_id", "exact_id", "decision", "score", "rule", "candidates", "airbase_name",
        "exact_name", "candidate_names", "evidence", "doubts",
    ]  # fmt: skip
    found = [(r["airbase_id"], r["exact_id"], r["decision"], r["rule"]) for r in rows]
    assert found == [
        ("1", "a", "link", "name"),
        ("2", "", "review", "similar_name"),
        ("3", "c", "link", "vat_number"),
        ("4", "", "none", ""),
        ("5", "d", "link", "account_code"),
    ]
    assert rows[1]["candidates"].split("|")[0] == "b"
    assert all(0 <= float(row["score"]) <= 1 for row in rows)


def test_the_counts_as_json(folder: Path) -> None:
    arguments = ["vendors", "match", "--airbase", f"{folder}/A.csv", "--exact", f"{folder}/E.csv"]
    result = CliRunner().invoke(app, [*arguments, "--out", f"{folder}/M.csv", "--json"])
    counts = {"file": f"{folder}/M.csv", "link": 3, "review": 1, "none": 1}
    assert json.loads(result.stdout) == counts


def test_a_list_may_be_empty(folder: Path) -> None:
    (folder / "E.csv").write_text("id,name\n", encoding="utf-8")
    assert run(folder)[1].startswith("5 vendors: 0 link, 0 review, 5 none")


BAD = {
    "empty": (b"", "line 1: is empty"),
    "no name": (b"id,email\n1,a@b.example\n", "line 1: lacks the column name"),
    "neither": (b"number;title\n1;x\n", "line 1: lacks the columns id, name"),
    "doubled column": (b"id,name,ID\n", "line 1: has the column id twice"),
    "doubled id": (b"id,name\n1,a\n2,b\n1,c\n", "line 4: id 1 is on line 2 already"),
    "no id": (b"id,name\n1,a\n ,b\n", "line 3: has no id"),
    "ragged": (b"id,name\n1,a\n2,b,c\n", "line 3: has 3 cells, the header has 2"),
    "short": (b"id,name\n1\n", "line 2: has 1 cells, the header has 2"),
    "after a long cell": (b'id,name\n1,"a\nb"\n2\n', "line 4: has 1 cells"),
    "not UTF-8": (b"id,name\n1,Caf\xe9 \xc3\xa9\n", "line 2: is neither UTF-8 nor ANSI"),
    "open quote": (b'id,name\n1,"a\n', "line "),
    "bar in id": (b"id,name\n1|2,a\n", "line 2: has a | in its id"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("side", ["A.csv", "E.csv"])
def test_an_invalid_file_is_refused_with_its_line_and_nothing_is_written(
    folder: Path, case: str, side: str
) -> None:
    data, message = BAD[case]
    (folder / side).write_bytes(data)
    code, out, err = run(folder)
    assert (code, out) == (2, "")
    assert err.startswith(f"connector: {side}, ")
    assert message in err
    assert len(err.splitlines()) == 1
    assert sorted(path.name for path in folder.iterdir()) == ["A.csv", "E.csv"]


def test_missing_files_and_input_files_are_refused(folder: Path) -> None:
    assert "is one of the lists" in run(folder, "A.csv")[2]
    assert "no such folder" in run(folder, "none/M.csv")[2]
    (folder / "A.csv").unlink()
    assert "No such file" in run(folder)[2]


def test_a_failed_run_keeps_the_previous_result(folder: Path) -> None:
    (folder / "M.csv").write_text("previous", encoding="utf-8")
    (folder / "E.csv").write_text("id\n", encoding="utf-8")
    assert run(folder)[0] == 2
    assert (folder / "M.csv").read_text(encoding="utf-8") == "previous"


def test_a_row_has_the_names_the_evidence_and_the_doubt_in_words(folder: Path) -> None:
    (folder / "A.csv").write_text("id,name\n1,Kanimo\n2,=Zorendis\n", encoding="utf-8")
    (folder / "E.csv").write_text(
        "id,name\na,Kanimo B.V.\nb,Kanimo N.V.\nc,=Zorendis\n", encoding="utf-8"
    )
    run(folder)
    with (folder / "M.csv").open(encoding="utf-8-sig", newline="") as file:
        doubted, linked = csv.DictReader(file)
    assert (doubted["airbase_name"], doubted["exact_name"]) == ("Kanimo", "")
    assert doubted["candidate_names"] == "Kanimo B.V.|Kanimo N.V."
    assert (doubted["evidence"], doubted["doubts"]) == ("same name", "several suppliers fit")
    assert (linked["airbase_name"], linked["exact_name"]) == ("'=Zorendis", "'=Zorendis")
    assert (linked["evidence"], linked["doubts"]) == ("same name", "")
