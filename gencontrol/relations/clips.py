"""How regions stand to each other over the frames of a clip: who approaches, chases, circles or carries whom."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.each_region import embed_each_region
from gencontrol.errors import InputError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.picture import Picture
from gencontrol.kinds import check_fields, checked
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.relations.learned.cores import CoreName
from gencontrol.relations.learned.inputs import shown_maps
from gencontrol.relations.learned.module import RelationModule
from gencontrol.relations.relating import SceneRelations, answered_by, check_regions, warn_of_odd

MOST_FRAMES = 32
"""Of a longer clip so many are taken, evenly: velocities are those of the whole clip, so nothing else changes."""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """The frames of a clip, and its regions in each."""

    pictures: tuple[Picture, ...]
    """At least two, of one size."""
    alphas: Float[Tensor, "t k h w"]
    """The regions' maps in every frame, [0, 1]; one that is empty says that the region is hidden, or has left."""
    labels: tuple[str, ...] = ()
    """Names of the regions; numbers unless given."""

    def __post_init__(self) -> None:
        check_fields(self)
        frames = len(self.pictures)
        if frames < 2:
            raise InputError(
                f"A clip has at least two frames, and this has {frames}: of one, give picture and masks as pictures."
            )
        size = self.pictures[0].size
        for place, picture in enumerate(self.pictures):
            if picture.size != size:
                sizes = f"{size} and {picture.size} (height, width)"
                raise InputError(f"Frames of one clip have one size; the first and frame {place} have {sizes}.")
        if self.alphas.ndim != 4 or len(self.alphas) != frames or tuple(self.alphas.shape[-2:]) != size:
            wanted = f"({frames}, k, {size[0]}, {size[1]})"
            raise InputError(f"alphas: expected maps for every frame, {wanted}, got {tuple(self.alphas.shape)}.")
        shown = self.alphas.flatten(2).amax(-1) > 0 if self.alphas.numel() else torch.zeros(1, 0, dtype=torch.bool)
        if not bool(shown.any(0).all()):
            place = int((~shown.any(0)).nonzero()[0, 0])
            name = self.labels[place] if self.labels else place
            raise InputError(f"Region {name} is in none of the frames: all its maps are empty.")
        if self.labels and len(self.labels) != self.alphas.shape[1]:
            raise InputError(
                f"labels: expected one for each of {self.alphas.shape[1]} regions, got {len(self.labels)}."
            )

    @property
    def seen(self) -> int:
        """The last of the frames that show most of the regions: there it is looked what they are."""
        counts = (self.alphas.flatten(2).amax(-1) > 0).sum(-1).tolist()
        return max(range(len(counts)), key=lambda place: (counts[place], place))

    def shown(self) -> Scene:
        """That frame; a region that is hidden in it is looked for where it was last seen."""
        maps = shown_maps(self.alphas.float(), self.seen)
        labels = self.labels or ("",) * len(maps)
        regions = tuple(Region(alpha=alpha, label=label) for alpha, label in zip(maps, labels, strict=True))
        return Scene(picture=self.pictures[self.seen], regions=regions)


@torch.no_grad()
@checked
def relate_clip(
    encoder: AlphaCLIP | None,
    clip: Clip,
    module: RelationModule,
    *,
    focus: FocusStrategy | None = None,
    core: CoreName | None = None,
) -> SceneRelations:
    """Ask every ordered pair of a clip's regions for every relation, those of motion too.

    Where things are and how they move is of all frames; what they are and look like, of the last that shows most.

    Args:
        encoder: Any; None tells the module nothing.
        clip: At least two regions.
        module: Of `open_module`.
        focus: How the encoder is made to look; see `embed_regions`.
        core: Which of the module's cores answers; its own choice unless said.

    Raises:
        InputError: Fewer than two regions, or a core that the module does not have.
    """
    if len(clip.pictures) > MOST_FRAMES:
        kept = [int(i) for i in torch.linspace(0, len(clip.pictures) - 1, MOST_FRAMES).round()]
        clip = Clip(pictures=tuple(clip.pictures[i] for i in kept), alphas=clip.alphas[kept], labels=clip.labels)
    scene = clip.shown()
    check_regions(scene)
    warn_of_odd(scene, clip.alphas.float())
    embeds = None if encoder is None else embed_each_region(encoder, scene, focus=focus)
    return answered_by(module, encoder, scene, embeds, core=core, frames=clip.alphas.float().cpu(), seen=clip.seen)
