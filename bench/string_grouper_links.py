"""Link names by string_grouper, in its own environment: for the comparison with the matcher.

Reads a list of vendors and one of suppliers, each of `[id, name]`, as JSON; writes the CPU seconds
and the best match of each vendor.
"""

import json
import sys
import time

import pandas as pd
from string_grouper import match_strings


def main() -> None:
    """Match by the package's own defaults; a vendor is linked to the most similar supplier."""
    vendors, suppliers = json.load(sys.stdin)
    started = time.process_time()
    found = match_strings(
        pd.Series([name for _, name in suppliers]),
        pd.Series([name for _, name in vendors]),
    )
    seconds = time.process_time() - started
    best = found.sort_values("similarity", ascending=False).drop_duplicates("right_index")
    pairs = zip(best["right_index"], best["left_index"], strict=True)
    links = {vendors[vendor][0]: suppliers[supplier][0] for vendor, supplier in pairs}
    json.dump({"seconds": seconds, "links": links}, sys.stdout)


if __name__ == "__main__":
    main()
