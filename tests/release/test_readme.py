"""The README leads from a try to daily use, and what it shows and names is there."""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def test_the_order_is_try_deploy_connect_operate() -> None:
    headings = re.findall(r"^## (.+)$", README, re.MULTILINE)
    assert headings[:4] == ["Try", "Deploy", "Connect", "Operate"]


def test_the_picture_stands_before_the_first_step_and_needs_nothing_else() -> None:
    found = re.search(r"!\[[^\]]{40,}\]\((docs/[\w.]+\.svg)\)", README)
    assert found
    assert found.start() < README.index("## Try")
    text = (ROOT / found[1]).read_text("utf-8")
    picture = ET.fromstring(text)
    names = {element.tag.rpartition("}")[2] for element in picture.iter()}
    assert {"title", "desc"} <= names
    assert names.isdisjoint({"script", "image", "foreignObject", "style"})
    assert not re.search(r"href|url\((?!#)", text)


def test_every_link_leads_somewhere() -> None:
    for path in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", README):
        assert (ROOT / path).exists(), path
    anchors = set(re.findall(r"\]\(#([^)]+)\)", README))
    headings = re.findall(r"^#+ (.+)$", README, re.MULTILINE)
    assert anchors <= {heading.lower().replace(" ", "-") for heading in headings}
