"""What the learned module sees of regions: numbers that need no particular encoder, and small crops.

A picture is a clip of one frame. Geometry and motion are of every frame; pixels and embeddings of one frame of the
clip.
"""

from dataclasses import dataclass, fields, replace

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.nn import functional

from gencontrol.kinds import checked
from gencontrol.relations.geometry import PAIR_FEATURES, PairGeometry, Shapes, pair_geometry

MOTION_FEATURES = (
    *("towards", "across", "speed", "towards_of_other", "across_of_other", "speed_of_other"),
    *("heading", "heading_of_other", "together", "closing", "moving"),
)
"""Of every ordered pair and frame, beside its geometry: velocities along and across the way from subject to object, in
shares of the picture's longer side over the whole clip; cosines of headings; 0 in a picture."""
FEATURES = (*PAIR_FEATURES, "nearer_than_others", *MOTION_FEATURES)
"""What the last axis of `RelationInputs.pairs` holds."""
CROP = 28
"""Side of the crops in pixels."""
NEAR = 0.08
"""Boxes with a gap of this share of the longer side at most are seen in one crop; others do not meet."""
COLOURS = 6
"""Mean and spread of a region's colour in Oklab (Ottosson, 2020)."""
PROBES = (
    *("crown", "top hat", "helmet", "glasses", "dog", "horse", "bird", "fish", "bear", "elephant"),
    *("bicycle", "car", "airplane", "umbrella", "hammer", "key", "guitar", "flower", "cup", "box"),
    *("bed", "house", "tree", "apple", "bread", "book", "camera", "shirt", "ball", "star"),
)
"""Names that every region is compared with, to know roughly what it is."""
_TO_CONES = (
    (0.4122214708, 0.5363325363, 0.0514459929),
    (0.2119034982, 0.6806995451, 0.1073969566),
    (0.0883024619, 0.2817188376, 0.6299787005),
)
_TO_OKLAB = (
    (0.2104542553, 0.7936177850, -0.0040720468),
    (1.9779984951, -2.4285922050, 0.4505937099),
    (0.0259040371, 0.7827717662, -0.8086757660),
)
# Below this a spread is taken for nothing.
_EPS = 1e-6


@dataclass(frozen=True, kw_only=True)
class RelationInputs:
    """A batch of pictures or clips; slots past a picture's count are not used."""

    used: Bool[Tensor, "b k"]
    """Which slots hold a region."""
    pairs: Float[Tensor, "b t k k f"]
    """`FEATURES` of every ordered pair in every frame."""
    there: Bool[Tensor, "b t k"]
    """Which regions are there in a frame: others are hidden, or have left."""
    colours: Float[Tensor, "b k 6"]
    """See `COLOURS`."""
    crops: Float[Tensor, "b k 4 s s"]
    """Every region's box: RGB and its map, [0, 1]."""
    meetings: Float[Tensor, "b p 5 s s"]
    """Where two regions meet: RGB and both maps, [0, 1], for the pairs of `pair_slots`."""
    near: Bool[Tensor, "b p"]
    """Which of those pairs are near enough to meet; the other crops are 0."""
    cosines: Float[Tensor, "b k k 2"]
    """Of every two regions: of their embeddings, and of their profiles of names; 0 without an encoder."""
    probes: Float[Tensor, "b k n"]
    """Every region's cosines with `PROBES`, centred and over their spread; 0 without an encoder."""

    def to(self, device: torch.device | str) -> "RelationInputs":
        """The same on a device."""
        return replace(self, **{f.name: getattr(self, f.name).to(device) for f in fields(self)})


def pair_slots(count: int) -> Int[Tensor, "p 2"]:
    """The unordered pairs (i, j), i < j, of so many regions, in the order of `RelationInputs.meetings`."""
    return torch.triu_indices(count, count, 1).T


@checked
def relation_inputs(
    frames: Float[Tensor, "t k h w"],
    rgb: Float[Tensor, "3 h2 w2"],
    embeds: Float[Tensor, "k d"] | None = None,
    names: Float[Tensor, "m d"] | None = None,
    probes: Float[Tensor, "n d"] | None = None,
    *,
    seen: int = -1,
) -> RelationInputs:
    """Measure the regions of one picture or clip.

    Args:
        frames: Their maps in every frame, [0, 1]; one frame for a picture.
        rgb: The frame in which they are looked at, [0, 1].
        embeds: Of the regions in that frame, any norm; None without an encoder.
        names: Text embeddings of many different things' names, see `likeness.same_kind`.
        probes: Text embeddings of `PROBES`; a row of NaN for what the encoder cannot read.
        seen: Which of the frames is looked at.
    """
    geometry = pair_geometry(frames)
    there = geometry.shapes.used
    last = shown_maps(frames, seen)
    still = pair_geometry(last) if len(frames) > 1 else _only(geometry)
    features = torch.cat([geometry.features, _nearer(geometry)[..., None], _motion(geometry)], dim=-1)
    crops, meetings, near = _crops(rgb, last, still)
    k = frames.shape[1]
    return RelationInputs(
        used=there.any(0)[None],
        pairs=features[None],
        there=there[None],
        colours=_colours(rgb, last)[None],
        crops=crops[None],
        meetings=meetings[None],
        near=near[None],
        cosines=(torch.zeros(k, k, 2) if embeds is None else _cosines(embeds, names))[None],
        probes=(torch.zeros(k, len(PROBES)) if embeds is None or probes is None else _probed(embeds, probes))[None],
    )


def _only(geometry: PairGeometry) -> PairGeometry:
    """That of the one frame that there is."""
    shapes = Shapes(**{f.name: getattr(geometry.shapes, f.name)[0] for f in fields(Shapes)})
    return PairGeometry(shapes=shapes, features=geometry.features[0], pixel=geometry.pixel)


def shown_maps(frames: Float[Tensor, "t k h w"], seen: int) -> Float[Tensor, "k h w"]:
    """Each region's map in one frame; of what is not there in it, the last that there is."""
    there = frames.flatten(2).amax(dim=-1) > 0
    order = torch.arange(1, len(frames) + 1).to(there.device)[:, None] * there
    order[seen] = torch.where(there[seen], len(frames) + 1, 0)
    return frames[order.argmax(dim=0), torch.arange(frames.shape[1]).to(there.device)]


def _nearer(geometry: PairGeometry) -> Tensor:
    """By how much the subject is nearer to the object than the nearest of all others, or further; within 0.2."""
    gap = geometry.feature("gap") + 0.1 * geometry.feature("distance")
    away = gap.masked_fill(~geometry.pairs, torch.inf)
    first = away.min(dim=-2, keepdim=True)
    second = away.scatter(-2, first.indices, torch.inf).amin(dim=-2, keepdim=True)
    others = torch.where(away <= first.values, second, first.values)
    return torch.where(geometry.pairs, (others - gap).clamp(-0.2, 0.2), torch.zeros_like(gap))


def _motion(geometry: PairGeometry) -> Tensor:
    """`MOTION_FEATURES` of every frame and pair, (t, k, k, 11)."""
    centre, used = geometry.shapes.centre, geometry.shapes.used
    frames, k = centre.shape[:2]
    if frames == 1:
        return centre.new_zeros(1, k, k, len(MOTION_FEATURES))
    steps = (centre[1:] - centre[:-1]) * (used[1:] & used[:-1])[..., None] * (frames - 1)
    velocity = torch.cat([steps[:1], steps])
    way = centre[:, None] - centre[:, :, None]
    unit = way / way.norm(dim=-1, keepdim=True).clamp(min=_EPS)
    own, other = velocity[:, :, None].expand_as(way), velocity[:, None].expand_as(way)
    speed, speed_of_other = own.norm(dim=-1), other.norm(dim=-1)
    towards, towards_of_other = (own * unit).sum(-1), -(other * unit).sum(-1)
    # A thing that hardly moves has no heading.
    moves = speed + 0.1
    others_move = speed_of_other + 0.1
    found = {
        "towards": towards,
        "across": own[..., 0] * unit[..., 1] - own[..., 1] * unit[..., 0],
        "speed": speed,
        "towards_of_other": towards_of_other,
        "across_of_other": other[..., 1] * unit[..., 0] - other[..., 0] * unit[..., 1],
        "speed_of_other": speed_of_other,
        "heading": towards / moves,
        "heading_of_other": towards_of_other / others_move,
        "together": (own * other).sum(-1) / (moves * others_move),
        "closing": towards + towards_of_other,
        "moving": torch.ones_like(speed),
    }
    return torch.stack([found[name] for name in MOTION_FEATURES], dim=-1) * geometry.pairs[..., None]


def _colours(rgb: Tensor, maps: Tensor) -> Tensor:
    """Mean and spread of every region's colour, (k, 6)."""
    sized = functional.interpolate(maps[None], size=rgb.shape[-2:], mode="bilinear", antialias=True)[0]
    lab = _oklab(rgb.flatten(1))
    share = sized.flatten(1) / sized.flatten(1).sum(-1, keepdim=True).clamp(min=_EPS)
    mean = share @ lab.T
    spread = (share @ lab.square().T - mean.square()).clamp(min=0).sqrt()
    return torch.cat([mean, spread], dim=-1)


def _oklab(rgb: Tensor) -> Tensor:
    """sRGB in [0, 1] to Oklab, (3, n); the matrices are Ottosson's, bottosson.github.io/posts/oklab."""
    linear = torch.where(rgb <= 0.04045, rgb / 12.92, ((rgb.clamp(min=0) + 0.055) / 1.055) ** 2.4)
    cones = linear.new_tensor(_TO_CONES) @ linear
    return linear.new_tensor(_TO_OKLAB) @ cones.clamp(min=0).pow(1 / 3)


def _crops(rgb: Tensor, maps: Tensor, geometry: PairGeometry) -> tuple[Tensor, Tensor, Tensor]:
    """Crops of all regions, of the places where pairs meet, and which pairs do."""
    height, width = rgb.shape[-2:]
    sized = functional.interpolate(maps[None], size=(height, width), mode="bilinear", antialias=True)[0]
    box = geometry.shapes.box
    sides = (box[:, 2:] - box[:, :2]).amax(-1)
    middle = (box[:, 2:] + box[:, :2]) / 2
    planes = torch.cat([rgb.expand(len(maps), -1, -1, -1), sized[:, None]], dim=1)
    crops = _windows(planes, middle, 1.15 * sides)
    first, second = pair_slots(len(maps)).unbind(-1)
    low, high = torch.maximum(box[first, :2], box[second, :2]), torch.minimum(box[first, 2:], box[second, 2:])
    near = (low - high).amax(-1) <= NEAR
    near &= geometry.shapes.used[first] & geometry.shapes.used[second]
    meetings = rgb.new_zeros(len(first), 5, CROP, CROP)
    if near.any():
        i, j = first[near], second[near]
        wide = (low - high).abs().amax(-1)[near] + torch.minimum(sides[i], sides[j])
        planes = torch.cat([rgb.expand(len(i), -1, -1, -1), sized[i, None], sized[j, None]], dim=1)
        meetings[near] = _windows(planes, (low + high)[near] / 2, wide)
    return crops, meetings, near


def _windows(planes: Tensor, middle: Tensor, side: Tensor) -> Tensor:
    """Square windows of pictures, (n, c, CROP, CROP); middles and sides in shares of the longer side; 0 outside."""
    height, width = planes.shape[-2:]
    longer = max(height, width)
    # At twice the size and halved: a plain sampling would jump over pixels.
    step = (torch.arange(2 * CROP).to(planes) + 0.5) / (2 * CROP) - 0.5
    x = (middle[:, :1] + step * side[:, None]) * longer / width * 2 - 1
    y = (middle[:, 1:] + step * side[:, None]) * longer / height * 2 - 1
    grid = torch.stack([x[:, None, :].expand(-1, 2 * CROP, -1), y[:, :, None].expand(-1, -1, 2 * CROP)], dim=-1)
    found = functional.grid_sample(planes, grid, mode="bilinear", padding_mode="zeros", align_corners=False)
    return functional.avg_pool2d(found, 2)


def _cosines(embeds: Tensor, names: Tensor | None) -> Tensor:
    """Of embeddings, and of centred profiles of names, (k, k, 2)."""
    unit = functional.normalize(embeds.float(), dim=-1)
    plain = unit @ unit.T
    if names is None:
        return torch.stack([plain, torch.zeros_like(plain)], dim=-1)
    profile = unit @ functional.normalize(names.float(), dim=-1).T
    profile = functional.normalize(profile - profile.mean(-1, keepdim=True), dim=-1)
    return torch.stack([plain, profile @ profile.T], dim=-1)


def _probed(embeds: Tensor, probes: Tensor) -> Tensor:
    """Cosines with the probes over their spread; 0 for those that the encoder cannot read."""
    known = ~probes.isnan().any(dim=-1)
    if int(known.sum()) < 2:
        return embeds.new_zeros(len(embeds), len(probes))
    cosines = functional.normalize(embeds.float(), dim=-1) @ functional.normalize(probes[known].float(), dim=-1).T
    found = cosines.new_zeros(len(embeds), len(probes))
    centred = cosines - cosines.mean(-1, keepdim=True)
    found[:, known] = centred / centred.square().mean(-1, keepdim=True).sqrt().clamp(min=_EPS)
    return found


@checked
def joined(inputs: list[RelationInputs]) -> RelationInputs:
    """Pictures or clips as one padded batch.

    Args:
        inputs: Batches of any counts of regions, and all of as many frames.
    """
    k = max(one.used.shape[1] for one in inputs)
    return RelationInputs(
        used=torch.cat([_padded(one.used, k, (1,)) for one in inputs]),
        pairs=torch.cat([_padded(one.pairs, k, (2, 3)) for one in inputs]),
        there=torch.cat([_padded(one.there, k, (2,)) for one in inputs]),
        colours=torch.cat([_padded(one.colours, k, (1,)) for one in inputs]),
        crops=torch.cat([_padded(one.crops, k, (1,)) for one in inputs]),
        meetings=torch.cat([_repaired(one.meetings, one.used.shape[1], k) for one in inputs]),
        near=torch.cat([_repaired(one.near, one.used.shape[1], k) for one in inputs]),
        cosines=torch.cat([_padded(one.cosines, k, (1, 2)) for one in inputs]),
        probes=torch.cat([_padded(one.probes, k, (1,)) for one in inputs]),
    )


def _padded(values: Tensor, k: int, axes: tuple[int, ...]) -> Tensor:
    """Zeros, or False, up to k along some axes."""
    shape = [k if axis in axes else size for axis, size in enumerate(values.shape)]
    found = values.new_zeros(shape)
    found[tuple(slice(0, size) for size in values.shape)] = values
    return found


def _repaired(values: Tensor, count: int, k: int) -> Tensor:
    """Values of the pairs of `count` regions, among the pairs of k."""
    slots = pair_slots(k)
    kept = (slots < count).all(-1)
    found = values.new_zeros(values.shape[0], len(slots), *values.shape[2:])
    found[:, kept] = values
    return found
