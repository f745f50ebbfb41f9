"""What the layer's Makefile makes of the templates, and that every text can be translated."""

import importlib.util
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from jinja2 import Environment, ModuleLoader, nodes

import ml_console
from local.sam_template import TEMPLATE
from ml_connector.languages.locales import LOCALES
from ml_console import formats, view

PACKAGE = Path(ml_console.__file__ or "").parent
NAMES = sorted(path.name for path in view.FOLDER.glob("*.html"))


def compiler() -> Any:
    """Return the script that the Makefile runs."""
    path = TEMPLATE.parent / "layers" / "console" / "compile_templates.py"
    spec = importlib.util.spec_from_file_location("compile_templates", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_build_knows_every_filter() -> None:
    assert set(compiler().FILTERS) == set(formats.filters(LOCALES["en"]))


def test_compiled_templates_make_the_same_pages(tmp_path: Path) -> None:
    shutil.copytree(view.FOLDER, tmp_path / "templates")
    compiler().main(tmp_path)
    kept = view.environment()
    compiled: Environment = kept.overlay(loader=ModuleLoader(tmp_path / "compiled"))
    texts: dict[str, Any] = {
        "_": lambda text, **values: text % values if values else text,
        "_n": lambda one, many, number, **values: many % {"number": number, **values},
        "language": "en",
        "start": "/sign-in/start",
        "message": "not_found",
        "has_left": False,
    }
    for name in ("sign_in.html", "message.html"):
        assert compiled.get_template(name).render(texts) == kept.get_template(name).render(texts)
    for name in NAMES:
        assert compiled.get_template(name)


@pytest.mark.parametrize("name", NAMES)
def test_every_text_of_a_template_goes_through_the_catalogue(name: str) -> None:
    tree = view.environment().parse((view.FOLDER / name).read_text("utf-8"))
    written = "".join(data.data for data in tree.find_all(nodes.TemplateData))
    shown = re.sub(r"<[^>]*>", " ", re.sub(r"<[^>]*$", " ", written))
    plain = re.sub(r"[a-z-]+=\"[^\"]*\"?", " ", shown)
    assert re.findall(r"[A-Za-z]{3,}", plain) == []
