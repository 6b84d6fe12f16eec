"""Captions of regions, and questions about them."""

from gencontrol.focus.strategy import FocusStrategy
from gencontrol.kinds import checked
from gencontrol.regions.scene import Scene
from gencontrol.tasks.llava.answering import Decoding, Tell, answers, region_pixels
from gencontrol.tasks.llava.model import RegionLlava


@checked
def ask_regions(
    llava: RegionLlava,
    scene: Scene,
    question: str,
    *,
    focus: FocusStrategy | None = None,
    decoding: Decoding | None = None,
    tell: Tell | None = None,
) -> tuple[str, ...]:
    """Ask about each region of a picture by itself.

    Args:
        llava: The model.
        scene: The picture and its regions; without one, the whole picture.
        question: Such as "What is it made of?".
        focus: How a region is looked at; None is its alpha map as the tower's fourth channel.
        decoding: How words are chosen; None is the likeliest each time.
        tell: Is told each answer piece by piece.

    Returns:
        One answer for each region.

    Raises:
        InputError: A question that cannot be asked, a focus that does not go by pixels, or a region that a centre crop
            leaves out.
    """
    pixels = region_pixels(llava, scene, focus=focus)
    return answers(llava, pixels, [question] * len(pixels), decoding=decoding, tell=tell)


@checked
def caption_regions(
    llava: RegionLlava,
    scene: Scene,
    *,
    focus: FocusStrategy | None = None,
    decoding: Decoding | None = None,
    tell: Tell | None = None,
) -> tuple[str, ...]:
    """Describe each region of a picture in a sentence: `ask_regions`, with what the model was asked in training.

    Args:
        llava: The model.
        scene: See `ask_regions`.
        focus: See `ask_regions`.
        decoding: See `ask_regions`.
        tell: See `ask_regions`.

    Raises:
        InputError: See `ask_regions`.
    """
    return ask_regions(llava, scene, llava.caption_question, focus=focus, decoding=decoding, tell=tell)
