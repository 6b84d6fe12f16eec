"""A sprite world of plain shapes: 60 concepts (12 shapes in 5 colours) as Iconify tarballs of every real style."""

import io
import json
import tarfile
from pathlib import Path

from gencontrol.sprites.catalog import SPRITE_SETS, Concept

SHAPES = {
    "disc": '<circle cx="8" cy="8" r="7" fill="C"/>',
    "ring": '<circle cx="8" cy="8" r="5" fill="none" stroke="C" stroke-width="3"/>',
    "block": '<rect x="2" y="2" width="12" height="12" fill="C"/>',
    "bar": '<rect x="1" y="5" width="14" height="6" fill="C"/>',
    "pole": '<rect x="5" y="1" width="6" height="14" fill="C"/>',
    "cross": '<path d="M6 1h4v5h5v4h-5v5H6v-5H1V6h5z" fill="C"/>',
    "hill": '<path d="M8 1 15 15H1z" fill="C"/>',
    "vale": '<path d="M8 15 15 1H1z" fill="C"/>',
    "gem": '<path d="M8 1 15 8 8 15 1 8z" fill="C"/>',
    "bow": '<path d="M1 1 15 15V1L1 15z" fill="C"/>',
    "step": '<path d="M1 15V8h7V1h7v14z" fill="C"/>',
    "half": '<path d="M1 8a7 7 0 0 1 14 0z" fill="C"/>',
}
COLOURS = {"red": "#e02020", "green": "#20a040", "blue": "#2040e0", "yellow": "#f0d020", "black": "#101010"}


def concepts() -> tuple[Concept, ...]:
    """The concepts, the discs with a synonym."""
    return tuple(
        Concept(
            slug=f"{colour}-{shape}", names=(f"{colour} {shape}",) + ((f"{colour} ball",) if shape == "disc" else ())
        )
        for shape in SHAPES
        for colour in COLOURS
    )


def write_tarballs(folder: Path) -> dict[str, Path]:
    """A tarball per style; the held-out style lacks every second concept."""
    return {s.style: _write(folder / s.tarball, partial=s.held_out, hyphens=s.style != "twemoji") for s in SPRITE_SETS}


def _write(path: Path, *, partial: bool, hyphens: bool) -> Path:
    slugs = [c.slug for c in concepts()][:: 2 if partial else 1]
    icons = {}
    for slug in slugs:
        colour, shape = slug.split("-")
        icons[slug if hyphens else slug.replace("-", "")] = {"body": SHAPES[shape].replace("C", COLOURS[colour])}
    metadata = {"categories": {"Shapes": slugs}}
    with tarfile.open(path, "w:gz") as archive:
        for name, data in (("icons.json", {"prefix": "x", "icons": icons}), ("metadata.json", metadata)):
            content = json.dumps(data).encode()
            info = tarfile.TarInfo(f"package/{name}")
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path
