"""Tables for a terminal: columns as wide as they need, and wrapped where there is no room.

Rich would draw the same, and takes a list more time than reading it.
"""

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

_NARROWEST = 2  # for one wide character
_WIDE, _NO_WIDTH = {"W", "F"}, {"Mn", "Me", "Cf"}


class Borders(NamedTuple):
    """The characters around cells; those of a rule are left, line, between and right."""

    top: str
    beside_head: str
    below_head: str
    beside_row: str
    bottom: str


LINES = Borders("┏━┳┓", "┃", "┡━╇┩", "│", "└─┴┘")
PLAIN = Borders("+-++", "|", "+-++", "|", "+-++")
"""For output that cannot show lines: a file on Windows, for example."""


def drawn(
    columns: Sequence[str],
    rows: Iterable[Sequence[str]],
    title: str,
    width: int,
    borders: Borders = LINES,
) -> str:
    """Return the lines of a table that is at most `width` wide, as far as that is possible.

    A cell may have several lines. Raises nothing: a row may be shorter than the columns.
    """
    cells = [[each.split("\n") for each in row] for row in [columns, *rows]]
    widths = _widths(cells, width)
    head, *body = (_wrapped(row, widths) for row in cells)
    lines = [title.center(sum(widths) + 3 * len(widths) + 1).rstrip()] if title else []
    lines += [_rule(widths, borders.top), *_row(head, widths, borders.beside_head)]
    lines.append(_rule(widths, borders.below_head))
    for row in body:
        lines += _row(row, widths, borders.beside_row)
    return "\n".join([*lines, _rule(widths, borders.bottom)])


def text_width(text: str) -> int:
    """Return how many columns of a terminal the text takes."""
    if text.isascii():
        return len(text)
    return sum(map(_width_of, text))


def _width_of(character: str) -> int:
    if unicodedata.category(character) in _NO_WIDTH:
        return 0
    return 2 if unicodedata.east_asian_width(character) in _WIDE else 1


def _widths(cells: Sequence[Sequence[Sequence[str]]], width: int) -> list[int]:
    """Return how wide each column is: if not all fit, the wide ones share what the others leave."""
    count = len(cells[0])
    wanted = [max(_widest(row[at]) for row in cells if at < len(row)) for at in range(count)]
    room = width - 3 * count - 1
    for done, each in enumerate(sorted(wanted)):
        share = max(room // (count - done), _NARROWEST)
        if each > share:
            return [min(one, share) for one in wanted]
        room -= each
    return wanted


def _widest(lines: Sequence[str]) -> int:
    return max(map(text_width, lines))


def _wrapped(row: Sequence[Sequence[str]], widths: Sequence[int]) -> list[list[str]]:
    return [
        [part for line in lines for part in _parts(line, width)]
        for lines, width in zip(row, widths, strict=False)
    ]


def _parts(line: str, width: int) -> Iterator[str]:
    """Yield what fits, cut between words where that is possible."""
    while text_width(line) > width:
        end = _fitting(line, width)
        cut = line.rfind(" ", 0, end + 1)
        if cut > 0:
            yield line[:cut].rstrip()
            line = line[cut:].lstrip()
        else:
            yield line[:end]
            line = line[end:]
    yield line


def _fitting(line: str, width: int) -> int:
    """Return how many characters fit: at least one."""
    used = 0
    for at, character in enumerate(line):
        used += _width_of(character)
        if used > width:
            return max(at, 1)
    return len(line)


def _row(cells: Sequence[Sequence[str]], widths: Sequence[int], border: str) -> Iterator[str]:
    height = max(map(len, cells), default=1)
    for at in range(height):
        shown = (
            cells[column][at] if column < len(cells) and at < len(cells[column]) else ""
            for column in range(len(widths))
        )
        padded = (
            f" {text}{' ' * (width - text_width(text))} "
            for text, width in zip(shown, widths, strict=True)
        )
        yield f"{border}{border.join(padded)}{border}"


def _rule(widths: Sequence[int], corners: str) -> str:
    left, line, between, right = tuple(corners)
    return f"{left}{between.join(line * (width + 2) for width in widths)}{right}"
