"""Samples of the relation module: what it sees of a staged scene or clip, and what is true of that."""

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Int8
from torch import Tensor
from torch.nn import functional

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embed import choose_focus
from gencontrol.errors import InputError
from gencontrol.focus.one_pass import embed_each
from gencontrol.focus.strategy import FocusStrategy, colours_for
from gencontrol.images.picture import Picture
from gencontrol.proposals.grabcut import GrabCutSegmenter
from gencontrol.relations.learned.inputs import RelationInputs, joined, relation_inputs
from gencontrol.relations.learned.texts import Texts
from gencontrol.relations.tracking import follow
from gencontrol.sprites.compose import boxes_of
from gencontrol.sprites.staging.clips import Clip, stage_clip
from gencontrol.sprites.staging.poses import Outlines
from gencontrol.sprites.staging.roles import Roles, roles_of
from gencontrol.sprites.staging.scenes import Staged, StagingConfig, stage
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.relating.truths import ASKED, LEAST_SEEN, truths_of

MaskKind = Literal["exact", "box", "grabcut", "rough", "followed"]
"""What a user marks: the thing itself, its box, GrabCut's mask in that box, or a hand-drawn shape; of a clip also the
thing itself in the first frame alone, from which it is followed."""


@dataclass(frozen=True, kw_only=True)
class Samples:
    """A padded batch of pictures, or of clips, with what is true."""

    inputs: RelationInputs
    """What the module sees."""
    truth: Int8[Tensor, "b k k r"]
    """1, 0, or -1 where it is not asked, in the order of `RELATIONS`; -1 for what is no pair."""
    still: Int8[Tensor, "b k"]
    """Whether a region stays where it is; -1 in pictures."""

    def tensors(self) -> dict[str, Tensor]:
        """Flat, compact tensors: crops in bytes, the rest in half precision."""
        found = {f.name: getattr(self.inputs, f.name) for f in fields(self.inputs)}
        found = {name: values.half() if values.is_floating_point() else values for name, values in found.items()}
        for name in ("crops", "meetings"):
            found[name] = (getattr(self.inputs, name) * 255).round().to(torch.uint8)
        return found | {"truth": self.truth, "still": self.still}


def from_tensors(tensors: dict[str, Tensor]) -> Samples:
    """The reverse of `Samples.tensors`, as float32."""
    given = {f.name: tensors[f.name] for f in fields(RelationInputs)}
    given = {name: values.float() if values.is_floating_point() else values for name, values in given.items()}
    for name in ("crops", "meetings"):
        given[name] = given[name].float() / 255
    return Samples(inputs=RelationInputs(**given), truth=tensors["truth"], still=tensors["still"])


@dataclass(frozen=True, kw_only=True)
class Sampler:
    """Draws samples."""

    store: SpriteStore
    config: StagingConfig
    """How scenes are staged."""
    encoder: AlphaCLIP | None
    """Whose cosines the samples have; None for none."""
    texts: Texts | None
    """What it reads."""
    focus: FocusStrategy | None = None
    """How it is made to look; its own way by default."""
    masks: tuple[tuple[MaskKind, float], ...] = (("exact", 1.0),)
    """How often a scene's regions are marked in which way."""
    frames: int = 1
    """1 for pictures, more for clips."""
    roles: Roles | None = None
    """Of the sprites; those that are shipped unless given."""

    def draw(self, *, seed: int, index: int, batch: int) -> Samples:
        """Batch `index` of the stream `seed`, which depends on the arguments alone."""
        roles, outlines = self.roles or roles_of(self.store), Outlines(self.store)
        rng = np.random.default_rng((seed, index, self.frames))
        if self.frames > 1:
            first = index * batch
            clips = [
                stage_clip(self.store, self.config, frames=self.frames, seed=seed, index=first + i, roles=roles)
                for i in range(batch)
            ]
            return gathered([self.of_clip(clip, roles, rng) for clip in clips])
        staged = stage(self.store, self.config, batch=batch, seed=seed, index=index, outlines=outlines, roles=roles)
        return gathered([self.of_scene(staged, row, roles, rng) for row in range(batch)])

    def of_scene(self, staged: Staged, row: int, roles: Roles, rng: np.random.Generator) -> Samples:
        """One staged scene."""
        scenes = staged.scenes
        kept = (scenes.visible[row] >= LEAST_SEEN) & scenes.used[row]
        truth = truths_of(self.store, roles, staged, row, moving=False)
        frames = marked(scenes.rgb[row], scenes.alpha[row][kept], self._kind(rng), rng)[None]
        kept = kept[: len(truth)]
        return self._sample(frames, scenes.rgb[row], truth[kept][:, kept], torch.full((int(kept.sum()),), ASKED))

    def of_clip(self, clip: Clip, roles: Roles, rng: np.random.Generator) -> Samples:
        """One staged clip."""
        kept = clip.last.scenes.visible[0] >= LEAST_SEEN
        truth = truths_of(self.store, roles, clip.last, 0, moving=True)
        kind = self._kind(rng)
        if kind == "followed":
            frames = follow(clip.rgb, clip.alphas[0][kept])
        else:
            frames = torch.stack(
                [marked(rgb, maps[kept], kind, rng) for rgb, maps in zip(clip.rgb, clip.alphas, strict=True)]
            )
        return self._sample(frames, clip.rgb[-1], truth[kept][:, kept], clip.still[kept].long())

    def _kind(self, rng: np.random.Generator) -> MaskKind:
        kinds, shares = zip(*self.masks, strict=True)
        return kinds[int(rng.choice(len(kinds), p=np.array(shares) / sum(shares)))]

    def _sample(self, frames: Tensor, rgb: Tensor, truth: Tensor, still: Tensor) -> Samples:
        embeds = None
        if self.encoder is not None and frames.shape[1]:
            embeds = embedded(self.encoder, rgb, frames[-1], self.focus)
        texts = self.texts
        inputs = relation_inputs(
            frames, rgb, embeds, None if texts is None else texts.names, None if texts is None else texts.probes
        )
        return Samples(inputs=inputs, truth=truth[None], still=still[None].to(torch.int8))


@torch.no_grad()
def embedded(
    encoder: AlphaCLIP, rgb: Float[Tensor, "3 h w"], alphas: Float[Tensor, "k h w"], focus: FocusStrategy | None
) -> Float[Tensor, "k d"]:
    """Regions as the encoder sees them, like `embed_each_region`, without a word on those that are small."""
    strategy = choose_focus(focus, has_alpha=encoder.has_alpha, default=encoder.default_focus)
    colours = colours_for(strategy, Picture(rgb=rgb)).to(encoder.device)
    return embed_each(strategy, encoder, colours, alphas.to(encoder.device, torch.float32)).float().cpu()


def gathered(samples: list[Samples]) -> Samples:
    """Samples of any counts as one padded batch."""
    inputs = joined([one.inputs for one in samples])
    b, k = inputs.used.shape
    truth = torch.full((b, k, k, samples[0].truth.shape[-1]), ASKED, dtype=torch.int8)
    still = torch.full((b, k), ASKED, dtype=torch.int8)
    row = 0
    for one in samples:
        n, count = one.still.shape
        truth[row : row + n, :count, :count] = one.truth
        still[row : row + n, :count] = one.still
        row += n
    truth[:, range(k), range(k)] = ASKED
    return Samples(inputs=inputs, truth=truth, still=still)


def marked(
    rgb: Float[Tensor, "3 h w"], alphas: Float[Tensor, "k h w"], kind: MaskKind, rng: np.random.Generator
) -> Float[Tensor, "k h w"]:
    """Regions as a user would mark them, who has the exact maps in mind."""
    if kind == "followed":
        raise InputError("marked: expected a way to mark a picture, got 'followed', which is of clips.")
    if kind == "exact" or not len(alphas):
        return alphas
    if kind == "rough":
        return _rough(alphas, rng)
    boxes = boxes_of(alphas)
    found = torch.zeros_like(alphas)
    for plane, (x0, y0, x1, y1) in zip(found, boxes.long().tolist(), strict=True):
        plane[y0:y1, x0:x1] = 1.0
    if kind == "box":
        return found
    some = (boxes[:, 2:] > boxes[:, :2] + 1).all(-1)
    if some.any():
        masks = GrabCutSegmenter().segment(Picture(rgb=rgb), boxes[some]).masks.float()
        # What GrabCut finds nothing in stays a box.
        found[some] = torch.where(masks.flatten(1).any(-1)[:, None, None], masks, found[some])
    return found


def _rough(alphas: Tensor, rng: np.random.Generator) -> Tensor:
    """Grown or shrunk by some pixels, shifted by one, with hard or soft edges."""
    size = int(rng.integers(0, 3)) * 2 + 1
    planes = alphas[:, None]
    if rng.random() < 0.6:
        planes = functional.max_pool2d(planes, size, stride=1, padding=size // 2)
    else:
        small = -functional.max_pool2d(-planes, size, stride=1, padding=size // 2)
        planes = torch.where(small.flatten(1).amax(-1)[:, None, None, None] > 0.5, small, planes)
    found = torch.roll(planes[:, 0], (int(rng.integers(-1, 2)), int(rng.integers(-1, 2))), dims=(-2, -1))
    return (found > 0.5).to(alphas) if rng.random() < 0.5 else found
