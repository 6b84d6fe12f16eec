"""What a call hands back: pictures that were looked at once before, and that show themselves in a notebook."""

import io
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from diffusers.image_processor import VaeImageProcessor
from PIL import Image
from torch import Tensor, nn

from gencontrol.errors import CheckpointError, InputError
from gencontrol.finite import check_finite, check_finite_weights, is_finite, mend_of
from gencontrol.images.sheets import contact_sheet
from gencontrol.streams import Generators

OUTPUT_TYPES = ("pil", "np", "pt", "latent")
"""What diffusers calls the forms of pictures."""
# In a notebook a row of more is wider than the page.
_ACROSS = 4


class Pictures(list[Image.Image]):
    """A list of pictures that a notebook shows as one labelled strip."""

    def __init__(self, pictures: Sequence[Image.Image], labels: Sequence[str]):
        """One label for each picture."""
        super().__init__(pictures)
        self.labels = tuple(labels)

    def _repr_png_(self) -> bytes | None:
        """The strip, for IPython; nothing where there is no picture, or pictures were added or taken away."""
        if not self or len(self) != len(self.labels):
            return None
        strip = io.BytesIO()
        rows = [self[i : i + _ACROSS] for i in range(0, len(self), _ACROSS)]
        sheets = [
            contact_sheet([row], row_labels=[""], column_labels=self.labels[i * _ACROSS : i * _ACROSS + len(row)])
            for i, row in enumerate(rows)
        ]
        _stacked(sheets).save(strip, format="PNG")
        return strip.getvalue()


def drawn_as(output_type: str | None) -> str:
    """The form in which the stock class is to hand pictures over, so that they can be looked at.

    Raises:
        InputError: A form that there is not.
    """
    if output_type not in OUTPUT_TYPES:
        raise InputError(f"output_type: expected one of {', '.join(OUTPUT_TYPES)}, got {output_type!r}.")
    # 8-bit pictures hide NaN: it becomes black.
    return "pt" if output_type == "pil" else output_type


def finished(
    output: Any,
    output_type: str | None,
    labels: Sequence[str],
    *,
    dtype: torch.dtype | None = None,
    components: Mapping[str, Any] | None = None,
) -> Any:
    """The stock class's output, once it is known to be pictures.

    Args:
        output: An object with `images`, or a tuple that begins with them, in the form `drawn_as(output_type)`.
        output_type: What the caller asked for.
        labels: One for each picture.
        dtype: In which the model computed; None is not known.
        components: The pipeline's, by name: the damaged one is named where what was made cannot be used.

    Raises:
        InputError: NaN or infinite values, which what goes on would take for black.
    """
    is_tuple = isinstance(output, tuple)
    images = output[0] if is_tuple else output.images
    check_made(images, dtype, components or {})
    if output_type == "pil":
        images = Pictures(VaeImageProcessor.numpy_to_pil(VaeImageProcessor.pt_to_numpy(images)), labels)
    if is_tuple:
        return (images, *output[1:])
    output.images = images
    return output


def labels_of(generator: Generators, count: int) -> list[str]:
    """What the pictures of a call are called: by their seeds where each has its own, else by their numbers."""
    given = generator if isinstance(generator, list) else [generator]
    seeds = [one.initial_seed() for one in given if one is not None]
    if len(seeds) == count:
        return [f"seed {seed}" for seed in seeds]
    return [f"picture {number}" for number in range(1, count + 1)]


def check_made(images: Any, dtype: torch.dtype | None, components: Mapping[str, Any]) -> None:
    """Refuse what would be written as black.

    Args:
        images: What a pipeline made: a tensor or an array, not yet of 8 bits.
        dtype: See `finished`.
        components: See `finished`.

    Raises:
        InputError: See `finished`.
    """
    values = images if isinstance(images, Tensor) else torch.as_tensor(images)
    if is_finite(values):
        return
    mend = _damaged(components) or f"{mend_of(dtype).removesuffix('.')}, and try a lower guidance scale."
    check_finite(values, name="What the model made", mend=mend)


def _damaged(components: Mapping[str, Any]) -> str:
    """Which component's weights are to blame; nothing if none's are."""
    for name, component in components.items():
        if isinstance(component, nn.Module):
            try:
                check_finite_weights(component, source=f"The component {name}")
            except CheckpointError as error:
                return str(error)
    return ""


def _stacked(sheets: Sequence[Image.Image]) -> Image.Image:
    if len(sheets) == 1:
        return sheets[0]
    width, height = max(sheet.width for sheet in sheets), sum(sheet.height for sheet in sheets)
    whole = Image.new("RGB", (width, height), "white")
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    return whole
