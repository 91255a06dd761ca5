"""A layered drawing of a graph as SVG, with nothing but text."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

LETTER = 8  # pixels that a letter takes, about, at the font's size
BOX = 34  # height of a box
GAP = 26  # between boxes of a level
RISE = 56  # between levels
MARGIN = 16
ESCAPES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

Box = tuple[float, float, float]
"""A box: left, top, width, in pixels."""


def draw_svg(
    below: Mapping[str, Collection[str]], captions: Mapping[str, str], dashes: Mapping[str, str]
) -> str:
    """Draw a graph: for each name those below it, which come first, and the text in its box.

    `dashes` has the dashes of boxes whose line is not a whole one.
    """
    boxes = placed(levels_of(below), captions)
    width = max((left + size for left, _, size in boxes.values()), default=0) + MARGIN
    height = max((top for _, top, _ in boxes.values()), default=0) + BOX + MARGIN
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0f}" height="{height:.0f}"'
        ' font-family="monospace" font-size="13">'
    )
    lines = [
        head,
        '<rect width="100%" height="100%" fill="white"/>',
        *(edge(boxes[name], boxes[top]) for top in below for name in below[top]),
        *(
            line
            for name, box in boxes.items()
            for line in drawn(box, captions[name], dashes.get(name, ""))
        ),
        "</svg>",
    ]
    return "\n".join(lines)


def levels_of(below: Mapping[str, Collection[str]]) -> list[list[str]]:
    """Put each name one level above the highest below it."""
    level: dict[str, int] = {}
    for name, others in below.items():
        level[name] = 1 + max((level[other] for other in others), default=-1)
    rows: list[list[str]] = [[] for _ in range(1 + max(level.values(), default=-1))]
    for name, number in level.items():
        rows[number].append(name)
    return rows


def placed(rows: list[list[str]], captions: Mapping[str, str]) -> dict[str, Box]:
    """Give each name its box, the rows centred."""
    sizes = {name: len(captions[name]) * LETTER + 24.0 for row in rows for name in row}
    widths = [sum(sizes[name] for name in row) + GAP * (len(row) - 1) for row in rows]
    widest = max(widths, default=0)
    boxes: dict[str, Box] = {}
    for number, row in enumerate(rows):
        left = MARGIN + (widest - widths[number]) / 2
        for name in row:
            boxes[name] = (left, MARGIN + number * (BOX + RISE), sizes[name])
            left += sizes[name] + GAP
    return boxes


def edge(lower: Box, upper: Box) -> str:
    """Draw a line from a box to one that stands on it."""
    start, end = lower[0] + lower[2] / 2, upper[0] + upper[2] / 2
    top, bottom = lower[1] + BOX, upper[1]
    middle = (top + bottom) / 2
    path = f"M{start:.0f},{top} C{start:.0f},{middle:.0f} {end:.0f},{middle:.0f} {end:.0f},{bottom}"
    return f'<path d="{path}" fill="none" stroke="#777"/>'


def drawn(box: Box, caption: str, dashes: str) -> Iterator[str]:
    """Draw a box with its text."""
    left, top, width = box
    dash = f' stroke-dasharray="{dashes}"' if dashes else ""
    yield (
        f'<rect x="{left:.0f}" y="{top:.0f}" width="{width:.0f}" height="{BOX}" rx="5"'
        f' fill="#f4f6f8" stroke="#333"{dash}/>'
    )
    yield (
        f'<text x="{left + width / 2:.0f}" y="{top + BOX / 2 + 5:.0f}"'
        f' text-anchor="middle">{caption.translate(ESCAPES)}</text>'
    )
