"""Mappings and vendors are read from CSV files by the same rules."""

from pathlib import Path

import pytest

from local.in_memory.environment import InMemoryEnvironment
from ml_connector.lists import reading
from ml_connector.lists.reading import read_rows
from ml_connector.mapping import files as mapping_files
from ml_connector.settings.connection import Connection
from ml_connector.user_errors import UserError
from ml_connector.vendors.review.spreadsheet import read_spreadsheet

VENDORS = "airbase_id,division,exact_id,exact_code,decision,decided_at"
MAPPINGS = "division,kind,airbase,exact"


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_rows_are_numbered_by_the_line_on_which_they_begin(
    tmp_path: Path, delimiter: str, mark: bytes
) -> None:
    path = tmp_path / "any.csv"
    text = 'a,b\r\n\r\n"two\r\nlines",2\r\n , \r\nlast,3\r\n'.replace(",", delimiter)
    path.write_bytes(mark + text.encode())
    assert list(read_rows(path)) == [
        (1, ["a", "b"]),
        (3, ["two\r\nlines", "2"]),
        (6, ["last", "3"]),
    ]


@pytest.mark.parametrize(
    ("rest", "said"),
    [
        (b"\n\xff\xc3\xa9,2,3,4", "line 2: is neither UTF-8 nor ANSI"),
        (b'\n"1"x,2,3,4', "line 2: ',' expected"),
        (b"\x00", "UTF-8|NUL|columns|lacks"),
    ],
)
def test_what_is_wrong_is_said_alike(
    env: InMemoryEnvironment, tmp_path: Path, rest: bytes, said: str
) -> None:
    path, connection = tmp_path / "any.csv", Connection.model_validate(env.config())
    path.write_bytes(MAPPINGS.encode() + rest)
    with pytest.raises(UserError, match=said):
        mapping_files.read(path)
    path.write_bytes(VENDORS.encode() + rest)
    with pytest.raises(UserError, match=said):
        read_spreadsheet(path, connection)


def test_a_file_that_is_none_of_ours_is_not_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "any.csv"
    path.write_text(f"{MAPPINGS}\n1,2,3,4\n")
    monkeypatch.setattr(reading, "_LARGEST", 10)
    with pytest.raises(UserError, match="larger"):
        list(read_rows(path))
    with pytest.raises(UserError, match="No such file"):
        list(read_rows(tmp_path / "other.csv"))
