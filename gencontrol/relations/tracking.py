"""Regions that are marked once, and followed over the frames of a clip: by what they looked like, no weights.

A region is looked for around where its way leads, by truncated differences of colours from the frame in which it was
marked: what hides a part of it costs no more than the bound. Where it agrees, it is seen; where less than a quarter
does, it is hidden, and looked for in a wider circle next time. It may move, and not turn, grow or change its colours.
"""

from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn import functional

from gencontrol.errors import InputError
from gencontrol.images.picture import check_unit_range
from gencontrol.kinds import checked

SIDE = 64
"""Longer side, in pixels, at which regions are looked for."""
REACH = 0.14
"""How far from where its way leads a region is looked for, as a share of the longer side; farther after it was
hidden."""
AGREES = 0.12
"""Mean difference of colours, [0, 1], below which a pixel is the region's; and at which it is cut."""
SEEN = 0.25
"""Share of a region's pixels that have to agree; it is hidden otherwise."""
# Of two places alike the one nearer to the way is taken.
_NEARER = 0.02
_OUTSIDE = 9.0


@dataclass(frozen=True, kw_only=True)
class _Marked:
    """What a region looked like where it was marked, at the working size."""

    colours: Float[Tensor, "3 h w"]
    mask: Bool[Tensor, "h w"]
    corner: tuple[int, int]
    """Row and column of its box."""


@checked
def follow(frames: Float[Tensor, "t 3 h w"], first: Float[Tensor, "k h2 w2"]) -> Float[Tensor, "t k h w"]:
    """Maps of regions in every frame; an empty one says that a region is hidden.

    Args:
        frames: The clip, [0, 1].
        first: The regions' maps in its first frame, [0, 1].

    Raises:
        InputError: No frame, maps of another size, or values that are not in [0, 1].
    """
    if not len(frames):
        raise InputError("follow: expected at least one frame, got none.")
    if first.shape[-2:] != frames.shape[-2:]:
        sizes = f"{tuple(first.shape[-2:])} and {tuple(frames.shape[-2:])}"
        raise InputError(f"follow: expected maps of the frames' size, got {sizes} (height, width).")
    check_unit_range(frames, name="The frames")
    if len(first):
        check_unit_range(first, name="The maps")
    scale = min(1.0, SIDE / max(frames.shape[-2:]))
    size = [max(1, round(side * scale)) for side in frames.shape[-2:]]
    small = functional.interpolate(frames, size=size, mode="area")
    masks = functional.interpolate(first[None], size=size, mode="area")[0] >= 0.5
    found = [_followed(small, mask, frames, alpha) for mask, alpha in zip(masks, first, strict=True)]
    return torch.stack(found, dim=1) if found else frames.new_zeros(len(frames), 0, *frames.shape[-2:])


def _followed(small: Tensor, mask: Tensor, frames: Tensor, alpha: Tensor) -> Tensor:
    """One region's maps, (t, h, w)."""
    maps = [alpha]
    marked = _marked(small[0], mask)
    if marked is None:
        return torch.stack([alpha, *(torch.zeros_like(alpha) for _ in frames[1:])])
    place, way, missed = torch.tensor(marked.corner), torch.zeros(2), 0
    for frame in small[1:]:
        # What was hidden may have turned back: less and less of the way is trusted.
        lead = (place + way * 0.7**missed).round().long()
        offset, agrees = _found(frame, marked, lead, reach=round(REACH * SIDE * min(1 + missed, 3)))
        if agrees[marked.mask].float().mean() < SEEN:
            missed += 1
            maps.append(torch.zeros_like(alpha))
            continue
        now = lead + offset
        way, place, missed = (now - place).float() / (missed + 1), now, 0
        maps.append(_moved(alpha, place - torch.tensor(marked.corner), agrees & marked.mask, place, small.shape[-2:]))
    return torch.stack(maps)


def _marked(frame: Tensor, mask: Tensor) -> _Marked | None:
    """None of what is too small to be seen at the working size."""
    rows, columns = mask.any(dim=1).nonzero(), mask.any(dim=0).nonzero()
    if not len(rows):
        return None
    y0, y1, x0, x1 = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    return _Marked(colours=frame[:, y0:y1, x0:x1], mask=mask[y0:y1, x0:x1], corner=(y0, x0))


def _found(frame: Tensor, marked: _Marked, lead: Tensor, *, reach: int) -> tuple[Tensor, Tensor]:
    """By how much the best place is off, and which pixels of the box agree there."""
    high, wide = marked.mask.shape
    border = reach + max(high, wide, *frame.shape[-2:])
    padded = functional.pad(frame, (border,) * 4, value=_OUTSIDE)
    limit = torch.tensor(frame.shape[-2:])
    y, x = (lead.clamp(min=-limit, max=limit) + border - reach).tolist()
    window = padded[:, max(y, 0) : y + 2 * reach + high, max(x, 0) : x + 2 * reach + wide]
    patches = window.unfold(1, high, 1).unfold(2, wide, 1)
    away = (patches - marked.colours[:, None, None]).abs().mean(dim=0)
    cost = (away.clamp(max=AGREES) * marked.mask).sum(dim=(-2, -1)) / (AGREES * marked.mask.sum())
    offsets = [torch.arange(side) - reach for side in cost.shape]
    far = torch.hypot(*(axis.float() for axis in torch.meshgrid(*offsets, indexing="ij"))) / max(reach, 1)
    best = int((cost + _NEARER * far).argmin())
    row, column = divmod(best, cost.shape[1])
    return torch.tensor([row - reach, column - reach]), away[row, column] < AGREES


def _moved(alpha: Tensor, by: Tensor, agrees: Tensor, place: Tensor, size: torch.Size) -> Tensor:
    """The map that was marked, moved at its own size, without what does not agree."""
    height, width = alpha.shape
    down, right = round(int(by[0]) * height / size[0]), round(int(by[1]) * width / size[1])
    moved = torch.zeros_like(alpha)
    into = moved[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)]
    into.copy_(alpha[max(-down, 0) : height - max(down, 0), max(-right, 0) : width - max(right, 0)])
    there = torch.zeros(1, 1, *size)
    y, x = place.tolist()
    high, wide = agrees.shape
    rows, columns = slice(max(y, 0), min(y + high, size[0])), slice(max(x, 0), min(x + wide, size[1]))
    there[0, 0, rows, columns] = agrees[rows.start - y : rows.stop - y, columns.start - x : columns.stop - x].float()
    # Single pixels that do not agree are noise, and edges are mixed with what is behind.
    near = functional.avg_pool2d(functional.max_pool2d(there, 3, stride=1, padding=1), 3, stride=1, padding=1)
    sized = functional.interpolate(near, size=(height, width), mode="bilinear", align_corners=False)[0, 0]
    return moved * (sized > 0.5)
