"""Pictures that were drawn, in the order in which they show the relation that was asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus.boxes import part_box
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.numbers import check_number
from gencontrol.proposals.segmenter import Segmenter
from gencontrol.proposals.segmenter_opening import open_segmenter
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.relations.learned.module import RelationModule
from gencontrol.relations.learned.opening import has_shipped, open_module
from gencontrol.relations.ranking import check_rankable, rank_pictures
from gencontrol.runs.machine.devices import choose_device
from gencontrol.runs.references.fetching import takes_references
from gencontrol.runs.referring.by_words import phrase_encoder
from gencontrol.runs.referring.proposing import open_proposer

Looker = Callable[[Picture], Scene]
"""Finds regions in a picture."""


@dataclass(frozen=True, kw_only=True)
class Ranked:
    """A drawn picture, and how well it shows what was asked for."""

    path: Path
    """The picture."""
    fits: float
    """Probability that it shows the relation; 0 where fewer than two things were found in it."""
    accepted: bool
    """Whether that is as much as was asked for."""
    regions: int
    """How many things were found in it."""


@dataclass(frozen=True, kw_only=True)
class Ranker:
    """What ranks pictures, open."""

    text: str
    """What they are to show."""
    at_least: float
    """Below this they are rejected."""
    encoder: AlphaCLIP
    """That reads names."""
    module: RelationModule | None
    """That answers for relations; None has rules do so."""
    look: Looker
    """Finds the things."""
    found_by: str
    """How, in words."""

    def rank(self, paths: Sequence[Path]) -> tuple[Ranked, ...]:
        """Order pictures on disk, the best first.

        Raises:
            InputError: A picture that cannot be read.
        """
        if not paths:
            return ()
        scenes = [self.look(Picture(rgb=read_image(path).rgb)) for path in paths]
        found = rank_pictures(self.encoder, scenes, self.text, at_least=self.at_least, module=self.module)
        return tuple(
            Ranked(
                path=paths[one.place],
                fits=one.fits,
                accepted=one.accepted,
                regions=len(scenes[one.place].regions),
            )
            for one in found
        )


def check_ranking(settings: Any, canvases: Sequence[Region | None]) -> None:
    """Refuse what cannot be ranked, before anything is loaded or drawn.

    Args:
        settings: Of a run, with those of `RankingSettings`.
        canvases: Where on the output each reference acts; None is everywhere.

    Raises:
        ConfigError: No relation but a bound; nothing that finds things; no encoder that could read names.
        InputError: A phrase that is not understood, or relates nothing.
    """
    check_number(settings.at_least, name="`at_least`", at_least=0, at_most=1)
    if settings.relation is None:
        if settings.at_least != 0.5:
            raise ConfigError("`at_least` is a probability of `relation`: give that, or leave it out.")
        return
    check_rankable(settings.relation, learned=has_shipped())
    if settings.grounder is None and sum(canvas is not None for canvas in canvases) < 2:
        raise ConfigError(
            "`relation`: name a `grounder` that finds things in the drawn pictures, or give two pictures or more a "
            "mask of where on the output they act (`canvas_mask`, and canvas= of `reference`)."
        )
    if settings.phrase_model is None and takes_references(settings.model):
        raise ConfigError(
            f"`relation`: names are read by an encoder with a text tower, and {settings.model} has none: name one as "
            "`phrase_model`, such as tiny or openai/clip-vit-large-patch14."
        )


def open_ranker(settings: Any, canvases: Sequence[Region | None]) -> Ranker | None:
    """What ranks a run's pictures; None where no relation is asked for.

    Args:
        settings: See `check_ranking`.
        canvases: See `check_ranking`.

    Raises:
        ConfigError: See `check_ranking`.
        InputError: See `check_ranking`.
        CheckpointError: No such model, or weights that do not fit.
    """
    check_ranking(settings, canvases)
    if settings.relation is None:
        return None
    text = settings.relation
    encoder, module = phrase_encoder(settings), open_module() if has_shipped() else None
    if settings.grounder is not None:
        propose = open_proposer(settings, settings.grounder, device=settings.device, offline=settings.offline)

        def grounded(picture: Picture) -> Scene:
            try:
                return propose(picture, text)
            except InputError:
                # Nothing of what is named: then it shows no relation either.
                return Scene(picture=picture, regions=())

        look, found_by = grounded, f"the grounder {settings.grounder}"
    else:
        how = {"local_files_only": settings.offline, "device": choose_device(settings.device)}
        segmenter = open_segmenter(settings.segmenter, **how)
        maps = [canvas.alpha for canvas in canvases if canvas is not None]
        look, found_by = (lambda picture: within_canvases(picture, maps, segmenter)), _told_of(settings.segmenter)
    return Ranker(text=text, at_least=settings.at_least, encoder=encoder, module=module, look=look, found_by=found_by)


def _told_of(segmenter: str) -> str:
    return f"{segmenter} in the boxes of the canvas masks"


def within_canvases(picture: Picture, canvases: Sequence[Float[Tensor, "h w"]], segmenter: Segmenter) -> Scene:
    """A region for every canvas mask: what a segmenter finds in its box, or the mask where that is nothing.

    Args:
        picture: What was drawn.
        canvases: Of any size, which is stretched to the picture's.
        segmenter: Turns boxes into masks.
    """
    sized = [functional.interpolate(one[None, None].float(), size=picture.size, mode="area")[0, 0] for one in canvases]
    boxes = torch.tensor([part_box(one) for one in sized], dtype=torch.float32)
    masks = segmenter.segment(picture, boxes).masks.float()
    found = [mask if mask.any() else one for mask, one in zip(masks, sized, strict=True)]
    return Scene(picture=picture, regions=tuple(Region(alpha=alpha.clamp(0, 1)) for alpha in found))
