"""Which vendors of Airbase are one that stands there twice, so that they are decided about once."""

from collections import defaultdict
from collections.abc import Iterable

from ml_connector.domain.matching.features import read_features
from ml_connector.domain.matching.party import Party
from ml_connector.domain.matching.rules import are_one_vendor


def first_of_equals(vendors: Iterable[Party]) -> dict[str, str]:
    """Return for each vendor the id of the first one that it equals: its own, if there is none."""
    by_family: defaultdict[str, list[Party]] = defaultdict(list)
    found: dict[str, str] = {}
    for vendor in vendors:
        families = read_features(vendor).name.families
        before = {each.id: each for family in families for each in by_family[family]}
        first = next((each.id for each in before.values() if are_one_vendor(each, vendor)), "")
        found[vendor.id] = first or vendor.id
        for family in families if not first else ():
            by_family[family].append(vendor)
    return found
