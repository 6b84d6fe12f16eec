"""Losses and scores of rendered parts: from a rendering and camera angles to one number a picture. No nerfstudio."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from gencontrol.errors import CheckpointError, ConfigError, InputError
from gencontrol.guidance.augmentation import STILL, Augmentation, augment
from gencontrol.guidance.prompts import ViewPrompts, mix_views, view_texts, view_weights
from gencontrol.guidance.score import Encoder, Guide, active, embed, guide_losses, text_targets
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.rays.rendering import Rendering
from gencontrol.nerf.steering.other_names import encode_known, others_of
from gencontrol.schedules import constant, value_at
from gencontrol.streams import seeded

AlphaInput = Literal["part", "whole"]


@dataclass(frozen=True, kw_only=True)
class Steering:
    """Everything that turns renderings into guidance losses."""

    parts: tuple[Part, ...]
    """What is steered; those without a prompt are left out of the losses."""
    guides: tuple[Guide, ...]
    """The ensemble of encoders."""
    targets: tuple[tuple[Tensor, ...], ...]
    """For each part and guide: unit embeddings of the prompt's view texts, (v, d)."""
    views: ViewPrompts
    """Wording per direction."""
    augmentation: Augmentation
    """How renderings are varied before they are encoded."""
    alpha_input: AlphaInput = "part"
    """What the encoder is told to look at: the part, or (a plain CLIP's view) the whole picture."""
    others: tuple[tuple[Tensor, ...], ...] = ()
    """For each part and guide: unit embeddings of names that the prompt is told apart from, (k, d); may be none."""
    scale: float = 30.0
    """Inverse temperature of that comparison, see `contrastive_loss`."""


@dataclass(frozen=True, kw_only=True)
class Guidance:
    """What the encoders say of every part that has a prompt, by its name; one value a picture, before weights."""

    similarity: dict[str, Float[Tensor, " n"]]
    """One minus the cosine of the picture and the prompt."""
    contrast: dict[str, Float[Tensor, " n"]]
    """Cross-entropy of the prompt among other names; empty if there are none."""


def prepare(
    parts: Sequence[Part],
    guides: Sequence[Guide],
    *,
    views: ViewPrompts,
    augmentation: Augmentation,
    alpha_input: AlphaInput = "part",
    names: Sequence[Sequence[str]] = (),
    scale: float = 30.0,
) -> Steering:
    """Encode all prompts, once, and the `names` (each with its synonyms) that each prompt is told apart from.

    Names that an encoder's tokenizer cannot take, and those that share a word with the prompt, are left out.

    Raises:
        InputError: A prompt that an encoder's tokenizer cannot take; of several parts, the message says whose.
    """
    targets = tuple(_targets(part, guides, views, among=len(parts)) for part in parts)
    others = tuple(
        tuple(encode_known(guide.encoder, others_of(part.prompt, names)) for guide in guides) if part.prompt else ()
        for part in parts
    )
    return Steering(
        others=others if names else (),
        scale=scale,
        parts=tuple(parts),
        guides=tuple(guides),
        targets=targets,
        views=views,
        augmentation=augmentation,
        alpha_input=alpha_input,
    )


def steering_losses(
    steering: Steering,
    seen: Rendering,
    azimuth: Float[Tensor, " b"],
    elevation: Float[Tensor, " b"],
    *,
    step: int,
    generator: Generator,
) -> Guidance:
    """Guidance losses of every part that has a prompt, before its own weight.

    Args:
        steering: From `prepare`.
        seen: (b, h, w) rays with one alpha a part, in the parts' order.
        azimuth: Of each view, degrees.
        elevation: Of each view, degrees.
        step: Decides on guides and schedules.
        generator: Draws the augmentations; on the CPU.
    """
    weights = view_weights(azimuth, elevation, steering.views)
    copies = steering.augmentation.copies
    similarity, contrast = {}, {}
    for index, part in enumerate(steering.parts):
        if not part.prompt or value_at(part.weight, step) == 0:
            continue
        rgb, alpha = augment(*layers(seen, index), steering.augmentation, generator=generator)
        targets = [_target(t, weights.to(t)).repeat_interleave(copies, dim=0) for t in steering.targets[index]]
        looked = alpha if steering.alpha_input == "part" else None
        others = steering.others[index] if steering.others else None
        cosine_losses, contrast_losses = guide_losses(
            steering.guides, targets, rgb, looked, others=others, scale=steering.scale, step=step
        )
        similarity[part.name] = cosine_losses
        if others is not None:
            contrast[part.name] = contrast_losses
    return Guidance(similarity=similarity, contrast=contrast)


def guided_scores(guidance: Guidance, steering: Steering | None, *, step: int) -> dict[str, float]:
    """`score_` and a part's name -> mean cosine to its prompt, over the guides by weight; none while none act."""
    weight = 0.0 if steering is None else sum(weight for _, weight in active(steering.guides, step))
    if weight == 0:
        return {}
    return {f"score_{name}": 1 - loss.detach().mean().item() / weight for name, loss in guidance.similarity.items()}


def layers(
    seen: Rendering, index: int
) -> tuple[Float[Tensor, "b 3 h w"], Float[Tensor, "b 1 h w"], Float[Tensor, "b 1 h w"]]:
    """Premultiplied colour, opacity, and one part's alpha, as pictures."""
    return seen.colour.permute(0, 3, 1, 2), seen.opacity[:, None], seen.parts[..., index][:, None]


@torch.no_grad()
def part_scores(steering: Steering, seen: Rendering, *, seed: int = 0) -> dict[str, float]:
    """Mean cosine of every prompted part and its own prompt, by the first guide, over plain backgrounds.

    The model that guides is a bad judge (Dream Fields, table 2): this shows progress, not quality.
    """
    scores = {}
    for index, part in enumerate(steering.parts):
        if part.prompt:
            generator = seeded(seed)
            rgb, alpha = augment(*layers(seen, index), STILL, generator=generator)
            looked = alpha if steering.alpha_input == "part" else None
            image = embed(steering.guides[0].encoder, rgb, looked)
            best = torch.cosine_similarity(image[:, None], steering.targets[index][0][None], dim=-1).amax(dim=1)
            scores[part.name] = best.mean().item()
    return scores


def parse_guide(text: str) -> tuple[str, float, int]:
    """Read `NAME`, `NAME:WEIGHT`, `NAME@START` or `NAME:WEIGHT@START`; a colon or @ within a path stays.

    Returns:
        Name or path, weight, first step.

    Raises:
        ConfigError: Text of another form, or a weight that is not finite or below 0.
    """
    name, at, start = text.rpartition("@")
    # Of a folder such as models/ViT-L-14@336px the @ is part; a preset's name has none.
    if not at or Path(text).exists() or ("/" in text and not start.isdigit()):
        name, at, start = text, "", ""
    head, colon, tail = name.rpartition(":")
    try:
        weight = float(tail) if colon else 1.0
        name = head if colon else name
    except ValueError:
        weight = 1.0
    if not name.removeprefix("clip:") or (at and not start.isdigit()):
        raise ConfigError(f"Cannot read the encoder {text!r}: expected NAME, NAME:WEIGHT or NAME:WEIGHT@STEP.")
    if not 0 <= weight < math.inf:
        raise ConfigError(f"An encoder's weight must be finite and at least 0; got {weight:g} in {text!r}.")
    return name, weight, int(start or 0)


def load_guides(specs: Sequence[str], *, device: torch.device | str) -> tuple[Guide, ...]:
    """Load encoders by preset name or folder; the prefix `clip:` takes the plain CLIP that lies beside an Alpha-CLIP.

    Raises:
        ConfigError: A specification that cannot be read, or none.
        CheckpointError: Weights that are not there.
    """
    if not specs:
        raise ConfigError("Steering needs at least one encoder, such as tiny.")
    guides = []
    for spec in specs:
        name, weight, start = parse_guide(spec)
        guides.append(Guide(encoder=_load_encoder(name, device), weight=constant(weight), start=start))
    return tuple(guides)


def _load_encoder(name: str, device: torch.device | str) -> Encoder:
    from gencontrol.alpha_clip.model import AlphaCLIP
    from gencontrol.models.registry import resolve

    plain, name = name.startswith("clip:"), name.removeprefix("clip:")
    where = resolve(name)
    if Path(where).exists() and not Path(where).is_dir():
        raise CheckpointError(f"The encoder {name} is a file, a pipe or a device; expected a preset or a folder.")
    inner = Path(where) / ("clip" if plain else "alpha_clip")
    found = inner if inner.is_dir() else where
    encoder = AlphaCLIP.from_clip(found) if plain else AlphaCLIP.from_pretrained(found)
    if encoder.text is None:
        raise InputError(f"The encoder {name!r} has no text tower, so it cannot be steered by a prompt.")
    # Halves of both kinds train badly on a CPU, and the renderer is float32.
    return encoder.requires_grad_(False).eval().to(device=device, dtype=torch.float32)


def _targets(part: Part, guides: Sequence[Guide], views: ViewPrompts, *, among: int) -> tuple[Tensor, ...]:
    if not part.prompt:
        return ()
    try:
        return tuple(text_targets(guide.encoder, view_texts(part.prompt, views)) for guide in guides)
    except InputError as error:
        # A prompt is never cut here: what is left out would steer nothing.
        said = str(error).replace(", or give `truncate`", "")
        raise InputError(f"The prompt of {part.name!r}: {said}" if among > 1 else said) from error


def _target(texts: Float[Tensor, "v d"], weights: Float[Tensor, "b v"]) -> Float[Tensor, "b d"]:
    return mix_views(texts, weights)
