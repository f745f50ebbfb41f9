"""Compile the templates of the console into Python modules: run by the layer's Makefile.

python compile_templates.py FOLDER writes FOLDER/compiled from FOLDER/templates.
"""

import sys
from pathlib import Path

from jinja2 import Environment, FileSystemLoader

FILTERS = ("amount", "day", "month", "moment", "age", "number", "heading", "indented", "shown")
"""The filters of `ml_console.formats.filters`: only their names are compiled in."""


def main(folder: Path) -> None:
    """Compile every template, with what `ml_console.view` sets; a fault in one is raised."""
    environment = Environment(
        loader=FileSystemLoader(folder / "templates"),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= dict.fromkeys(FILTERS, str)
    environment.compile_templates(folder / "compiled", zip=None, ignore_errors=False)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
