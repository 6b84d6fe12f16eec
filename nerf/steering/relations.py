"""How steered parts are to stand to each other, or to other parts of the scene: read from texts, and as losses.

Each part is seen alone, level and without perspective, so that nothing stands in the way of where it ends: from above,
the far edge of a box hides how high over it a thing hovers. No nerfstudio.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import NoReturn

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError, InputError
from gencontrol.nerf.field import grid
from gencontrol.nerf.parts.part_cameras import extent
from gencontrol.nerf.parts.parts import Part, find_part, largest_membership
from gencontrol.nerf.parts.shapes import membership
from gencontrol.nerf.rays.rendering import Field, Quadrature, render_rays
from gencontrol.relations.steering import STEERED, relation_loss
from gencontrol.relations.vocabulary import SPOKEN

FRONT = 45.0
"""Left and right are those seen from azimuths within so many degrees of 0."""
# Side of a level view in pixels, samples along its rays, and how much more than the two parts it shows.
_SIDE, _SAMPLES, _ROOM = 48, 64, 1.05
# From this far out, rays of a view cross all of the cube.
_AWAY = 3.0
# Nodes along a side on which something of the other part is looked for, and from which density there is something.
_SEARCH_NODES, _VISIBLE_DENSITY = 48, 1.0
_PHRASES = {phrase: relation for relation, phrases in SPOKEN.items() for phrase in phrases}
# "On" is also what stands in it, and so on: what can be asked for, as it can be said.
_ASKED = [phrase for phrase, relation in _PHRASES.items() if relation in STEERED]
_FORM = "expected PART RELATION PART, such as 'crown on ball'"


@dataclass(frozen=True, kw_only=True)
class PartRelation:
    """What one part is to be to another one."""

    subject: str
    """A part's name."""
    relation: str
    """One of `gencontrol.relations.steering.STEERED`."""
    other: str
    """The other part's name."""
    staying: tuple[Part, ...] = ()
    """That one of both which nothing changes; none where both are steered."""

    @property
    def key(self) -> str:
        """What its loss is called."""
        return "_".join(("relation", self.subject, self.relation, self.other)).replace(" ", "_")


def relations_of(
    texts: Sequence[str],
    steered: Sequence[Part],
    scene: Sequence[Part],
    field: Field,
    *,
    device: torch.device | str = "cpu",
) -> tuple[PartRelation, ...]:
    """Read texts such as "crown on ball", and refuse what cannot be, before time is spent.

    Args:
        texts: Of two parts' names and a relation between them, said as `relations.vocabulary` has it. A steered part
            may also be called by its prompt.
        steered: What the run changes or makes.
        scene: Further parts, which stay as they are.
        field: The scene.
        device: The field's.

    Raises:
        InputError: A part or a relation that is not known (the message names the nearest), or a text without both; or
            a part that stays, and of which nothing is to be seen beside what is steered.
        ConfigError: A part and itself, or two parts of which none is steered.
    """
    names = _names(steered, scene)
    found = tuple(_checked(text, _read(text, names), steered, scene) for text in texts)
    for part in (part for asked in found for part in asked.staying):
        _check_there(part, steered, field, device)
    return found


def _checked(text: str, asked: PartRelation, steered: Sequence[Part], scene: Sequence[Part]) -> PartRelation:
    if asked.subject == asked.other:
        raise ConfigError(f"`relations`: {text!r} relates {asked.subject!r} to itself: name two parts.")
    changed = {part.name for part in steered}
    still = [name for name in (asked.subject, asked.other) if name not in changed]
    if len(still) == 2:
        raise ConfigError(
            f"`relations`: {text!r} is about two parts that stay as they are; one has to be among what is steered: "
            f"{', '.join(sorted(changed))}."
        )
    return replace(asked, staying=tuple(find_part(scene, name) for name in still))


def _check_there(part: Part, steered: Sequence[Part], field: Field, device: torch.device | str) -> None:
    points = grid.nodes(_SEARCH_NODES, device=torch.device(device))
    points = points[_member(part, steered, points) > 0]
    if not len(points) or not (field(points)[0] > _VISIBLE_DENSITY).any():
        raise InputError(
            f"`relations`: outside of what is steered there is nothing of {part.name!r} to see, so nothing can be "
            "placed by it: make the steered part's highlight smaller, or move it."
        )


def _names(steered: Sequence[Part], scene: Sequence[Part]) -> dict[str, str]:
    """What parts may be called -> their names; a name goes before another part's prompt."""
    prompts = [part.prompt for part in steered if part.prompt]
    called = {_plain(part.prompt): part.name for part in steered if prompts.count(part.prompt) == 1}
    return called | {_plain(part.name): part.name for part in (*scene, *steered)}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _read(text: str, names: Mapping[str, str]) -> PartRelation:
    splits = sorted(_splits(text), key=lambda split: len(split[1]), reverse=True)
    spoken = [split for split in splits if split[1] in _PHRASES]
    both = [split for split in splits if split[0] in names and split[2] in names]
    # Names may have a relation in them, as "hat on hook": known names decide, and then the longest relation.
    best = next(iter([split for split in both if split in spoken] or both or spoken), None)
    if best is None:
        _refuse(text, names)
    subject, phrase, other = best
    relation = _PHRASES.get(phrase)
    if relation not in STEERED:
        hint = nearest(phrase, STEERED if relation else _ASKED)
        raise InputError(f"`relations`: {text!r}: nothing steers to {phrase!r}{hint}")
    for name in (subject, other):
        if name not in names:
            raise InputError(f"`relations`: {text!r}: there is no part {name!r}{nearest(name, names)}")
    return PartRelation(subject=names[subject], relation=relation, other=names[other])


def _splits(text: str) -> Iterator[tuple[str, str, str]]:
    """All ways to take a text for a thing, a relation and a thing."""
    words = _plain(text).split()
    for start in range(1, len(words) - 1):
        for stop in range(start + 1, len(words)):
            yield " ".join(words[:start]), " ".join(words[start:stop]), " ".join(words[stop:])


def _refuse(text: str, names: Mapping[str, str]) -> NoReturn:
    raise InputError(
        f"`relations`: cannot read {text!r}: {_FORM}; the relations are {', '.join(STEERED)}, and the parts "
        f"{', '.join(names)}."
    )


def relation_losses(
    relations: Sequence[PartRelation],
    field: Field,
    steered: Sequence[Part],
    *,
    weight: float,
    generator: Generator,
    device: torch.device | str = "cpu",
) -> dict[str, Float[Tensor, ""]]:
    """The key of each relation -> how far it is from holding, times a weight.

    Args:
        relations: From `relations_of`.
        field: The scene as it is now; differentiable.
        steered: What the run changes: only of these has the loss a gradient. What one of them and a part that stays
            have in common is taken for the steered one's.
        weight: Of each; 0 renders nothing.
        generator: Turns the views; on the CPU.
        device: The field's.
    """
    losses = {}
    for asked in relations if weight else ():
        subject, other = (find_part((*asked.staying, *steered), name) for name in (asked.subject, asked.other))
        azimuth = view_azimuths(asked.relation, generator=generator)
        rays = [values.to(device) for values in level_rays(azimuth, *extent((subject, other)))]
        maps = []
        for part in (subject, other):
            stays = part in asked.staying
            member = partial(_member, part, steered if stays else ())
            with torch.set_grad_enabled(torch.is_grad_enabled() and not stays):
                maps.append(silhouette(field, member, *rays))
        losses[asked.key] = weight * relation_loss(maps[0], maps[1], asked.relation).mean()
    return losses


def view_azimuths(relation: str, *, generator: Generator) -> Float[Tensor, " 2"]:
    """Two directions in degrees from which a relation has to hold: left and right from the front, all others around.

    Without perspective the back shows what the front does, so half a turn is all sides.
    """
    sided = relation in ("left of", "right of")
    start, span = (-FRONT, 2 * FRONT) if sided else (0.0, 180.0)
    return start + span * (torch.arange(2) + torch.rand((), generator=generator)) / 2


def level_rays(
    azimuth: Float[Tensor, " b"], low: Float[Tensor, " 3"], high: Float[Tensor, " 3"], *, side: int = _SIDE
) -> tuple[Float[Tensor, "b s s 3"], Float[Tensor, "b s s 3"]]:
    """Origins and directions of parallel level rays that show all of a box from some sides.

    Args:
        azimuth: Degrees, see `nerf.rays.cameras`.
        low: The box's lowest corner, world.
        high: Its highest one.
        side: Of each view in pixels.
    """
    size = high - low
    half = _ROOM * max(torch.linalg.vector_norm(size[:2]).item(), size[2].item()) / 2
    angle, nothing = azimuth.deg2rad(), torch.zeros_like(azimuth)
    right = torch.stack([angle.cos(), angle.sin(), nothing], dim=-1)
    outwards = torch.stack([angle.sin(), -angle.cos(), nothing], dim=-1)
    place = half * ((torch.arange(side) + 0.5) * 2 / side - 1).to(azimuth)
    origins = (low + high) / 2 + _AWAY * outwards[:, None, None] + place[:, None] * right[:, None, None]
    up = torch.stack([nothing.new_zeros(side), nothing.new_zeros(side), -place], dim=-1)
    origins = origins + up[:, None]
    return origins, (-outwards)[:, None, None].expand_as(origins)


def silhouette(
    field: Field,
    member: Callable[[Tensor], Tensor],
    origins: Float[Tensor, "b s s 3"],
    directions: Float[Tensor, "b s s 3"],
) -> Float[Tensor, "b s s"]:
    """The opacity of one part, as if there were nothing else.

    Args:
        field: The scene; asked only within the part.
        member: Points (n, 3) -> how far each belongs to the part, [0, 1].
        origins: Of rays.
        directions: Unit.
    """

    def alone(points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        share = member(points)
        index = (share > 0).nonzero()[:, 0]
        density = field(points[index])[0] * share[index]
        return density.new_zeros(len(points)).index_put((index,), density), torch.zeros_like(points)

    rays = origins.reshape(-1, 3), directions.reshape(-1, 3)
    return render_rays(alone, *rays, quadrature=Quadrature(samples=_SAMPLES)).opacity.reshape(origins.shape[:-1])


def _member(part: Part, without: Sequence[Part], points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"]:
    share = membership(part.shape, points)
    return share * (1 - largest_membership(without, points, softness=0.0)) if without else share
