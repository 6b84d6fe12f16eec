"""How a host is run, as numbers: the defaults that the pipelines and the command line share, and what can be.

It imports no torch: the command line reads it before it knows what there is to do.
"""

from gencontrol.errors import GencontrolError, InputError
from gencontrol.numbers import check_number

DEFAULT_STEPS = 25
"""Denoising steps; what the Alpha-CLIP authors' image-variation demo takes."""
MOST_STEPS = 10_000
"""More than any sampler has levels of noise for."""
MOST_PICTURES = 100_000
"""Of one input; what is asked for by mistake is refused before it is laid out."""
LARGEST_SIDE = 8192
"""Of a picture, in pixels: the latents of larger ones fill the memory of any machine before they are refused."""
# Pixels that one value of the latents stands for, along a side.
_PATCH = 8
MOST_GUIDANCE = 1000.0
"""Far beyond what gives pictures; somewhat further, float16 overflows."""


def check_guidance(
    scale: float | int,
    *,
    name: str = "guidance_scale",
    negative: str | None = None,
    error: type[GencontrolError] = InputError,
) -> None:
    """Refuse a scale of classifier-free guidance that cannot be, or with which something else would do nothing.

    Args:
        scale: Off at 1 and below.
        name: How the message calls it.
        negative: How the message calls what there is to keep away from; None if there is nothing.
        error: What is raised.

    Raises:
        GencontrolError: Of the class `error`.
    """
    if isinstance(scale, bool) or not isinstance(scale, (int, float)):
        raise error(f"{name}: expected a number, got {scale!r}, a {type(scale).__name__}: give a float.")
    if not 0 <= scale <= MOST_GUIDANCE:
        bound = f"at most {MOST_GUIDANCE:g}" if scale > MOST_GUIDANCE else "0 or more"
        raise error(f"{name}: expected a scale of {bound}, got {scale:g}.")
    if negative is not None and scale <= 1:
        raise error(f"{negative} acts through classifier-free guidance: give {name} above 1.")


def check_sampling(
    *, steps: int, pictures: int, eta: float | int = 0.0, size: tuple[int | None, int | None] = (None, None)
) -> None:
    """Refuse numbers with which a host would draw nothing, or noise.

    Args:
        steps: Denoising steps.
        pictures: Variations of each picture.
        eta: Of DDIM.
        size: (height, width) of a picture in pixels; None is the host's own.

    Raises:
        InputError: Names the argument of the pipelines.
    """
    check_number(steps, name="num_inference_steps", at_least=1, at_most=MOST_STEPS, error=InputError)
    check_number(pictures, name="num_images_per_prompt", at_least=1, at_most=MOST_PICTURES, error=InputError)
    check_number(eta, name="eta", at_least=0, at_most=1, error=InputError)
    for name, pixels in zip(("height", "width"), size, strict=True):
        if pixels:
            check_number(pixels, name=name, at_least=_PATCH, at_most=LARGEST_SIDE, unit="pixels", error=InputError)
            if pixels % _PATCH:
                raise InputError(f"{name}: expected a multiple of {_PATCH} pixels, got {pixels}.")
