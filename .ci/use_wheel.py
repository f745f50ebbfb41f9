"""Use an installed wheel as its user does: `use_wheel.py FOLDER`, with an environment's scripts.

Nothing of the repository is on its path: it runs in an empty folder.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from connector_cli.verbs import VERBS


def main(scripts: Path) -> None:
    """Run the command in several ways; raise when one does not answer as it should."""
    check("pip", scripts, "check", said="No broken requirements found")
    check("connector", scripts, "--version", said="connector 0.")
    check("connector", scripts, "--help", said="Every day")
    for verb in VERBS:
        check("connector", scripts, verb, "--help", said=f"connector {verb}")
    check("connector", scripts, "codes", "SUPPLIER_UNKNOWN", said="SUPPLIER_UNKNOWN")
    write_lists(scripts)


def write_lists(scripts: Path) -> None:
    """Match two lists offline, and write the result as a workbook."""
    with tempfile.TemporaryDirectory() as folder:
        for name in ("airbase", "exact"):
            Path(folder, f"{name}.csv").write_text("id;name\r\n1;Zorendis\r\n", encoding="utf-16")
        words = ["vendors", "match", "--airbase", "airbase.csv", "--exact", "exact.csv"]
        check("connector", scripts, *words, "--out", "found.xlsx", said="1 link", folder=folder)
        if not Path(folder, "found.xlsx").read_bytes().startswith(b"PK"):
            raise SystemExit("found.xlsx is no workbook")


def check(name: str, scripts: Path, *words: str, said: str, folder: str = "") -> None:
    """Run a script, and end with its output when it fails or does not say `said`."""
    environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
    with tempfile.TemporaryDirectory() as empty:
        run = subprocess.run(
            [scripts.absolute() / name, *words],
            cwd=folder or empty, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
    if run.returncode or said not in run.stdout:
        raise SystemExit(f"{name} {' '.join(words)}: {run.returncode}\n{run.stdout}{run.stderr}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
