"""What is true of staged scenes and clips, relation by relation; near a bound, and where nobody knows, nothing is said.

Where things are follows from what they cover with nothing in front of them; what is seen, from what is left of that.
"""

import torch
from jaxtyping import Int8
from torch import Tensor

from gencontrol.relations.geometry import PairGeometry, pair_geometry
from gencontrol.relations.learned.answers import RELATIONS
from gencontrol.relations.rules import MARGIN
from gencontrol.relations.vocabulary import CONVERSE, MOVING
from gencontrol.sprites.compose import covers_of
from gencontrol.sprites.staging.roles import UNKNOWN, Roles
from gencontrol.sprites.staging.scenes import NO_TINT, Staged
from gencontrol.sprites.store import SpriteStore

ASKED, TRUE, FALSE = -1, 1, 0
"""Not asked; true; false."""
LEAST_SEEN = 0.25
"""Visible share below which a sprite is no region: it is hidden."""


def truths_of(store: SpriteStore, roles: Roles, staged: Staged, row: int, *, moving: bool) -> Int8[Tensor, "k k r"]:
    """What holds of every ordered pair of a scene's sprites, in the order of `RELATIONS`: 1, 0, or -1 for not asked.

    Args:
        store: The sprites.
        roles: Of the store.
        staged: Scenes.
        row: Which of them.
        moving: Whether it is a clip's last frame: relations of clips are asked.
    """
    scenes = staged.scenes
    count = int(scenes.used[row].sum())
    covers = pair_geometry(covers_of(store, scenes.layout, scenes.rgb.shape[-1])[row, :count])
    seen = pair_geometry(scenes.alpha[row, :count])
    found = _placed(covers, seen) | _kinds(scenes.concept[row, :count], staged.tint[row, :count])
    found |= _turned(covers, staged.facing[row, :count])
    concept, style = scenes.concept[row, :count], scenes.style[row, :count]
    found |= _posed(covers, seen, roles, concept, style)
    found |= {name: torch.full((count, count), FALSE if moving else ASKED) for name in MOVING}
    for i, j, relation, true in staged.facts[row]:
        found[relation][i, j] = ASKED if true is None else int(true)
    found["interacting with"] = _interacting(found)
    for name in RELATIONS:
        if name not in found:
            found[name] = found[CONVERSE[name]].T
    return torch.stack([found[name] for name in RELATIONS], dim=-1).to(torch.int8)


def _said(true: Tensor, false: Tensor) -> Tensor:
    """1 where it holds, 0 where it does not, and -1 in between."""
    return torch.where(true, TRUE, torch.where(false, FALSE, ASKED))


def _placed(covers: PairGeometry, seen: PairGeometry) -> dict[str, Tensor]:
    """Relations of places."""
    mean = (covers.feature("size") + covers.feature("size_of_other")) / 2
    margin = (mean / 2).clamp(max=MARGIN)
    left, up = -covers.feature("dx"), -covers.feature("dy")
    count = len(mean)
    later = torch.arange(count)[:, None] > torch.arange(count)
    shared = torch.maximum(covers.feature("overlap"), covers.feature("overlap_of_other"))
    ratio, enclosed = covers.feature("log_size_ratio"), covers.feature("enclosed")
    gap = seen.feature("gap") / seen.pixel
    return {
        "left of": _said(left > margin, left < 0.6 * margin),
        "above": _said(up > margin, up < 0.6 * margin),
        "in front of": _said(later & (shared > 0.03), ~later | (shared < 0.002)),
        "inside": _said((enclosed > 0.9) & (ratio < -0.25), (enclosed < 0.7) | (ratio > -0.1)),
        "touching": _said(gap < 1.1, gap > 3),
        "overlapping": _said(shared > 0.03, shared < 0.002),
        "bigger than": _said(ratio > 0.15, ratio < 0.05),
        "nearest to": _nearest(covers),
    }


def _nearest(covers: PairGeometry) -> Tensor:
    """The nearest to each, where it is nearer than the next by far enough."""
    gap = (covers.feature("gap") + 0.1 * covers.feature("distance")).masked_fill(~covers.pairs, torch.inf)
    least = gap.min(dim=0, keepdim=True).values
    rivals = (gap < least + 0.03).sum(dim=0, keepdim=True)
    near = gap < least + 0.03
    return torch.where(near & (rivals == 1), TRUE, torch.where(near, ASKED, FALSE))


def _kinds(concept: Tensor, tint: Tensor) -> dict[str, Tensor]:
    """Of one kind by name; of one colour where both are drawn in one colour, and not asked of other drawings."""
    drawn = (tint != NO_TINT)[:, None] & (tint != NO_TINT)
    same = tint[:, None] == tint
    return {
        "same kind as": (concept[:, None] == concept).long(),
        "same colour as": torch.where(drawn, same.long(), ASKED),
    }


def _turned(covers: PairGeometry, facing: Tensor) -> dict[str, Tensor]:
    """Who faces whom: the other has to lie more beside than above or below."""
    across, along = -covers.feature("dx"), covers.feature("dy").abs()
    beside = (across.abs() > 0.08) & (across.abs() > along)
    clear = ~(across.abs() > 0.5 * along) | beside
    side = facing[:, None] * across.sign()
    known = (facing != UNKNOWN)[:, None] & clear
    facing_it = torch.where(known, (beside & (side > 0) & (facing.abs() == 1)[:, None]).long(), ASKED)
    away = torch.where(known, (beside & (side < 0) & (facing.abs() == 1)[:, None]).long(), ASKED)
    both = torch.where((facing_it == 1) & (facing_it.T == 1), TRUE, ASKED)
    return {
        "facing": facing_it,
        "facing away from": away,
        "looking at each other": torch.where((facing_it == 0) | (facing_it.T == 0), FALSE, both),
    }


def _posed(covers: PairGeometry, seen: PairGeometry, roles: Roles, concept: Tensor, style: Tensor) -> dict[str, Tensor]:
    """Poses that nobody staged: false, but where it looks as if, as chance has it."""
    actor, held = roles.actor[concept, style], roles.held[concept, style]
    worn, ridden = (roles.hat | roles.glasses)[concept, style], roles.ridden[concept, style]
    meets = (seen.feature("gap") / seen.pixel < 2) | (covers.feature("overlap") > 0)
    box = covers.shapes.box
    low, high, across = box[:, 3], box[:, 1], covers.shapes.centre[:, 0]
    height = (low - high)[None].clamp(min=1e-6)
    rests = ((low[:, None] - high[None]) / height).abs() < 0.35
    over = (across[:, None] > box[None, :, 0]) & (across[:, None] < box[None, :, 2])
    above = covers.feature("dy") < 0
    seeming = {
        "on": meets & rests & over,
        "wearing": meets & actor[:, None] & worn,
        "riding": meets & actor[:, None] & ridden & above,
        "holding": meets & actor[:, None] & held,
    }
    return {name: torch.where(likely, ASKED, FALSE) for name, likely in seeming.items()}


def _interacting(found: dict[str, Tensor]) -> Tensor:
    """On, wearing, riding or holding, either way round, or looking at each other."""
    parts = [found[name] for name in ("on", "wearing", "riding", "holding")]
    both = torch.stack([*parts, *(part.T for part in parts), found["looking at each other"]])
    return _said((both == TRUE).any(0), (both == FALSE).all(0))
