"""The picture of the house in the documentation, drawn from the floors in pyproject.toml.

python tests/_house_picture.py      writes docs/images/house.svg
"""

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[1]
PICTURE = ROOT / "docs" / "images" / "house.svg"
WIDTH, HEIGHT, GAP = 820, 44, 10
SMALL = "small things that everything uses"
"""For the lowest floor's files, which are too many to name."""


def floors(text: str) -> list[list[list[str]]]:
    """Floors, lowest first; of each the wings that never import each other, and their rooms."""
    listed = tomllib.loads(text)["tool"]["gencontrol"]["floors"]
    return [[[room.strip() for room in wing.split(",")] for wing in floor.split("|")] for floor in listed]


def picture(text: str) -> str:
    """An SVG with a row for each floor, the highest on top."""
    rows = floors(text)
    rows[0] = [[SMALL]]
    height = len(rows) * (HEIGHT + GAP) + GAP
    shapes = [
        shape
        for level, wings in enumerate(reversed(rows))
        for shape in _row([room for wing in wings for room in wing], GAP + level * (HEIGHT + GAP))
    ]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
            'font-size="15" text-anchor="middle">',
            "<title>The floors of the house: a room imports from those below it</title>",
            *shapes,
            "</svg>",
            "",
        ]
    )


def _row(rooms: list[str], top: int) -> list[str]:
    width = (WIDTH - GAP * (len(rooms) + 1)) / len(rooms)
    shapes = []
    for index, room in enumerate(rooms):
        left = GAP + index * (width + GAP)
        shapes.append(
            f'<rect x="{left:.1f}" y="{top}" width="{width:.1f}" height="{HEIGHT}" rx="6" fill="#e0f2f1" '
            'stroke="#00796b"/>'
        )
        shapes.append(f'<text x="{left + width / 2:.1f}" y="{top + 28}" fill="#004d40">{room}</text>')
    return shapes


if __name__ == "__main__":
    PICTURE.write_text(picture((ROOT / "pyproject.toml").read_text(encoding="utf-8")), encoding="utf-8")
