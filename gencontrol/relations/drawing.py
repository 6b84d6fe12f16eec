"""How parts stand to each other, as a picture for people: names, and arrows that say how."""

import math

from PIL import Image, ImageDraw, ImageFont

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.images.writing import to_pil
from gencontrol.kinds import checked
from gencontrol.numbers import check_number
from gencontrol.proposals.preview import phrase_colours
from gencontrol.regions.scene import Scene
from gencontrol.relations.relating import SceneRelations
from gencontrol.relations.vocabulary import CONVERSE, MOVING, SYMMETRIC

DRAWN = (
    *MOVING,
    *("wearing", "riding", "holding", "on", "looking at each other", "facing"),
    *("inside", "in front of", "left of", "above", "bigger than", "touching", "same kind as", "same colour as"),
)
"""Relations that arrows say, in this order; the converse of one goes without saying."""
_READABLE = 512
# Of the drawing's short side: letters and lines; and what an arrow says at most.
_LETTERS, _LINE, _MOST = 32, 220, 3


@checked
def draw_relations(scene: Scene, related: SceneRelations, *, at_least: float = 0.5) -> Image.Image:
    """Draw a picture's regions as boxes with their names, and an arrow for each pair that stands somehow.

    An arrow goes from the subject to the object, and says up to three relations.

    Args:
        scene: That was asked about.
        related: How its regions stand.
        at_least: Probability below which nothing is said, [0, 1].

    Returns:
        RGB, enlarged by a whole number to a short side of 512 pixels at least, for letters to have room.

    Raises:
        InputError: Relations of another number of regions.
        ConfigError: A probability that is none.
    """
    check_number(at_least, name="at_least", at_least=0, at_most=1)
    if len(related.regions) != len(scene.regions):
        counts = f"{len(scene.regions)} regions and relations of {len(related.regions)}"
        raise InputError(f"Expected the relations of this scene's regions, got {counts}.")
    image = to_pil(Picture(rgb=scene.picture.stored_rgb))
    scale = math.ceil(_READABLE / min(image.size))
    image = image.resize((image.width * scale, image.height * scale), Image.Resampling.NEAREST)
    unit = max(image.size)
    boxes = [tuple(side * unit for side in box) for box in related.geometry.shapes.box.tolist()]
    centres = [(x * unit, y * unit) for x, y in related.geometry.shapes.centre.tolist()]
    colours = phrase_colours(len(boxes))
    draw = ImageDraw.Draw(image)
    font = ImageFont.load_default(size=max(10, min(image.size) // _LETTERS))
    width = max(2, min(image.size) // _LINE)
    for box, colour in zip(boxes, colours, strict=True):
        draw.rectangle(box, outline=colour, width=width)
    for i, j, said in arrows(related, at_least=at_least):
        _arrow(draw, centres[i], centres[j], colours[i], width)
        middle = tuple((0.55 * a + 0.45 * b) for a, b in zip(centres[i], centres[j], strict=True))
        _label(draw, middle, ", ".join(said), colours[i], font, within=image.size)
    for box, colour, name in zip(boxes, colours, related.regions, strict=True):
        _label(draw, ((box[0] + box[2]) / 2, box[1]), name, colour, font, within=image.size)
    return image


def arrows(related: SceneRelations, *, at_least: float) -> list[tuple[int, int, tuple[str, ...]]]:
    """Subject, object and what is said of them, once for each pair that stands somehow.

    Args:
        related: How regions stand.
        at_least: Probability below which nothing is said.
    """
    found = []
    known = [name for name in DRAWN if name in related.relations]
    for i in range(len(related.regions)):
        for j in range(i):
            forward, backward = (_said(related, known, *pair, at_least) for pair in ((i, j), (j, i)))
            first, second = ((i, j), (j, i)) if len(forward) >= len(backward) else ((j, i), (i, j))
            mine, others = (_said(related, known, *pair, at_least) for pair in (first, second))
            turned = [CONVERSE[name] for name in others if name in CONVERSE]
            # What has no converse is said along an arrow of its own.
            alone = [name for name in others if name not in CONVERSE and name not in SYMMETRIC]
            found += [(*pair, tuple(said[:_MOST])) for pair, said in ((first, mine + turned), (second, alone)) if said]
    return found


def _said(related: SceneRelations, known: list[str], i: int, j: int, at_least: float) -> list[str]:
    return [name for name in known if float(related.of(name)[i, j]) >= at_least]


def _arrow(
    draw: ImageDraw.ImageDraw,
    start: tuple[float, ...],
    stop: tuple[float, ...],
    colour: tuple[int, int, int],
    width: int,
) -> None:
    """A line with a head at its end."""
    draw.line([*start, *stop], fill=colour, width=width)
    angle = math.atan2(stop[1] - start[1], stop[0] - start[0])
    length = 5 * width
    wings = [(stop[0] - length * math.cos(angle + t), stop[1] - length * math.sin(angle + t)) for t in (-0.45, 0.45)]
    draw.polygon([(stop[0], stop[1]), *wings], fill=colour)


def _label(
    draw: ImageDraw.ImageDraw,
    middle: tuple[float, ...],
    text: str,
    colour: tuple[int, int, int],
    font: ImageFont.FreeTypeFont | ImageFont.ImageFont,
    *,
    within: tuple[int, int],
) -> None:
    """Text on its colour around a place, moved into the picture where it would stick out."""
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    x = min(max(middle[0] - (right - left) / 2, 2), max(2, within[0] - (right - left) - 2))
    y = min(max(middle[1] - (bottom - top), 2), max(2, within[1] - (bottom - top) - 4))
    draw.rectangle(draw.textbbox((x, y), text, font=font), fill=colour)
    # Letters that can be read on light colours too: Rec. 709's weights of brightness.
    light = 0.2126 * colour[0] + 0.7152 * colour[1] + 0.0722 * colour[2] > 140
    draw.text((x, y), text, fill=(0, 0, 0) if light else (255, 255, 255), font=font)
