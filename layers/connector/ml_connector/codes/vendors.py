"""What is wrong with a vendor, or with its link to a supplier."""

from ml_connector.codes.explanation import Explanation

VENDORS: dict[str, Explanation] = {
    "VENDOR_INACTIVE": Explanation(
        "The vendor is not active in Airbase.",
        "Activate the vendor in Airbase, or cancel the order.",
    ),
    "LINK_BROKEN": Explanation(
        "The supplier that the vendor is linked to is gone, blocked or no supplier any more.",
        "Link the vendor to another supplier, or repair the supplier in Exact.",
    ),
}
