"""From embeddings to the tensor that a denoiser reads: repeated, guided, and changing with the strength."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.conditioning.embed import RegionEmbeds
from gencontrol.conditioning.strength import StrengthSchedule, between
from gencontrol.errors import InputError, PairingError

Enter = Callable[[Float[Tensor, "n d"]], Float[Tensor, "n ..."]]
"""How a host takes embeddings in, one row for each picture."""


@dataclass(frozen=True, kw_only=True)
class Condition:
    """The condition of one call, as the stock loop reads it at every step."""

    tensor: Tensor
    """What the denoiser gets: under guidance the negative half first, then the positive one."""
    guided: bool
    """Whether classifier-free guidance is on."""
    at_strength: Callable[[float], Tensor]
    """The positive half at any strength."""

    @property
    def positive(self) -> Tensor:
        """A view of the half that carries the regions."""
        return self.tensor[len(self.tensor) // 2 :] if self.guided else self.tensor

    @property
    def negative(self) -> Tensor | None:
        """A view of the half that guidance departs from; None without guidance."""
        return self.tensor[: len(self.tensor) // 2] if self.guided else None


class Conditioning(list[RegionEmbeds]):
    """What a subclass's `__call__` hands through the stock one to its `_encode_image`, which makes the condition.

    Stock calls take a list of pictures there, count it and pass it on; so nothing of a call is kept on the pipeline.
    """

    def __init__(self, embeds: Sequence[RegionEmbeds], strength: StrengthSchedule):
        """One entry of one row for each picture, whole-image embeddings included if the strength changes."""
        super().__init__(embeds)
        self.strength = strength
        self.made: Condition | None = None

    def make(self, enter: Enter, *, count: int, guided: bool, device: torch.device, dtype: torch.dtype) -> Tensor:
        """Make the condition for `count` pictures, keep it, and return its tensor."""
        assert count % len(self) == 0
        rows = [_to(embeds, device, dtype) for embeds in self for _ in range(count // len(self))]
        region = torch.cat([row.image_embeds for row in rows])
        whole = None if self.strength.is_constant else torch.cat([_whole(row) for row in rows])

        def at_strength(strength: float) -> Tensor:
            return enter(region if whole is None else between(whole, region, strength))

        positive = at_strength(self.strength.at(0.0))
        halves = [negative_half(rows, enter, positive), positive] if guided else [positive]
        self.made = Condition(tensor=torch.cat(halves), guided=guided, at_strength=at_strength)
        return self.made.tensor

    def condition(self) -> Condition:
        """What `make` made."""
        assert self.made is not None
        return self.made


def negative_half(rows: Sequence[RegionEmbeds], enter: Enter, positive: Tensor) -> Tensor:
    """Per picture, the negative region's embedding as the host takes it; zeros, the host's own, where there is none."""
    half = torch.zeros_like(positive)
    given = [i for i, row in enumerate(rows) if row.negative_image_embeds is not None]
    if given:
        filled = torch.cat([_negative(row) for row in rows])
        half[given] = enter(filled)[given]
    return half


def split_rows(
    image_embeds: Float[Tensor, "b d"], negative_image_embeds: Float[Tensor, "m d"] | None = None
) -> list[RegionEmbeds]:
    """A batch as one entry for each picture."""
    entries = [RegionEmbeds(image_embeds=row[None]) for row in image_embeds]
    return with_negatives(entries, negative_image_embeds)


def given_rows(embeds: Tensor, *, width: int | None) -> list[RegionEmbeds]:
    """The embeddings that a call is given in the place of pictures, one entry for each.

    Args:
        embeds: As given.
        width: What the denoiser takes; None is not compared.

    Raises:
        InputError: Not floats of two dimensions, or no row of them.
        PairingError: Another width.
    """
    if embeds.ndim != 2 or not embeds.dtype.is_floating_point or not len(embeds):
        raise InputError(f"image_embeds: expected floats of shape (b, d), got {tuple(embeds.shape)} {embeds.dtype}.")
    if width not in (None, embeds.shape[1]):
        raise PairingError(
            f"image_embeds: the denoiser takes embeddings of width {width}, got width {embeds.shape[1]}."
        )
    return split_rows(embeds)


def with_negatives(embeds: Sequence[RegionEmbeds], negatives: Tensor | None) -> list[RegionEmbeds]:
    """The entries with these negative embeddings, one row for each or one for all.

    Raises:
        InputError: Another number of rows, another width, or an entry that has a negative region.
    """
    if negatives is None:
        return list(embeds)
    width = embeds[0].image_embeds.shape[1]
    if negatives.ndim != 2 or len(negatives) not in (1, len(embeds)) or negatives.shape[1] != width:
        raise InputError(
            f"negative_image_embeds: expected the shape ({len(embeds)}, {width}) or (1, {width}), got "
            f"{tuple(negatives.shape)}."
        )
    if any(entry.negative_image_embeds is not None for entry in embeds):
        raise InputError("Give either negative_mask_image or negative_image_embeds: both say what to keep away from.")
    spread = negatives.expand(len(embeds), -1)
    return [
        replace(entry, negative_image_embeds=row[None].to(entry.image_embeds))
        for entry, row in zip(embeds, spread, strict=True)
    ]


def _to(embeds: RegionEmbeds, device: torch.device, dtype: torch.dtype) -> RegionEmbeds:
    negative, whole = embeds.negative_image_embeds, embeds.whole_image_embeds
    return RegionEmbeds(
        image_embeds=embeds.image_embeds.to(device, dtype),
        negative_image_embeds=None if negative is None else negative.to(device, dtype),
        whole_image_embeds=None if whole is None else whole.to(device, dtype),
    )


def _whole(row: RegionEmbeds) -> Tensor:
    assert row.whole_image_embeds is not None
    return row.whole_image_embeds


def _negative(row: RegionEmbeds) -> Tensor:
    return torch.zeros_like(row.image_embeds) if row.negative_image_embeds is None else row.negative_image_embeds
