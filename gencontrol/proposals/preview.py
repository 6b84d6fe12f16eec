"""Where phrases were found, as a picture for people."""

import colorsys

from PIL import Image, ImageDraw, ImageFont

from gencontrol.images.picture import Picture
from gencontrol.images.reading import ImageSource, read_image
from gencontrol.images.writing import to_pil
from gencontrol.kinds import checked
from gencontrol.proposals.grounder import Grounding

# Of the picture's short side: the height of letters, and how many lines go to a letter's height.
_LETTERS, _LINE = 28, 8
_SMALLEST = 10
# Between the hues of two phrases: this share of the circle comes back to none of the first ones soon (golden ratio).
_TURN = 0.618034


def phrase_colours(count: int) -> list[tuple[int, int, int]]:
    """Colours that can be told apart, of one brightness: 0 to 255."""
    parts = [colorsys.hsv_to_rgb(0.95 + _TURN * number, 0.9, 0.9) for number in range(count)]
    return [(round(255 * r), round(255 * g), round(255 * b)) for r, g, b in parts]


@checked
def draw_grounding(picture: ImageSource, grounding: Grounding) -> Image.Image:
    """Draw the boxes on the picture, each phrase in its colour, with its score; the best are drawn last.

    Args:
        picture: That in which the phrases were found.
        grounding: Where.

    Returns:
        RGB, of the picture's size.
    """
    image = to_pil(Picture(rgb=read_image(picture).stored_rgb))
    draw = ImageDraw.Draw(image)
    letters = max(_SMALLEST, min(image.size) // _LETTERS)
    font = ImageFont.load_default(size=letters)
    names = list(dict.fromkeys(grounding.phrases))
    colours = dict(zip(names, phrase_colours(len(names)), strict=True))
    rows = zip(grounding.boxes.tolist(), grounding.scores.tolist(), grounding.phrases, strict=True)
    for (x0, y0, x1, y1), score, phrase in reversed(list(rows)):
        draw.rectangle((x0, y0, max(x1 - 1, x0), max(y1 - 1, y0)), outline=colours[phrase], width=1 + letters // _LINE)
        text = f"{phrase} {score:.2f}"
        # Above the box if there is room, else inside it.
        corner = (x0, y0 - 1.2 * letters if y0 >= 1.2 * letters else y0)
        draw.rectangle(draw.textbbox(corner, text, font=font), fill=colours[phrase])
        draw.text(corner, text, fill=(255, 255, 255), font=font)
    return image
