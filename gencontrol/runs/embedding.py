"""Embeddings of single regions, without a host."""

from collections.abc import Iterable
from dataclasses import replace

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.architectures import name_of
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embedding_files import EmbedsFile
from gencontrol.cli.flags import parse_named
from gencontrol.runs.scenes import Scene
from gencontrol.cli.options import EncoderOptions
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import FocusStrategy, focus_strategy
from gencontrol.conditioning.embed import check_visible, choose_focus
from gencontrol.pipelines.embeds import region_embeds, view_of
from gencontrol.pipelines.hosts.registry import Host
from gencontrol.pipelines.opening import locate
from gencontrol.pipelines.pairing import check_pairing
from gencontrol.conditioning.strength import check_strength
from gencontrol.regions.region import stack_alphas

WHOLE = "whole picture"
"""Label of the row that stands for no region."""


def strategy_for(encoder: AlphaCLIP, text: str | None) -> FocusStrategy:
    """The strategy that `--focus` names, or the one that suits the encoder.

    Raises:
        ConfigError: No such strategy or setting.
        PairingError: `alpha` with an encoder whose alpha weights are zero.
    """
    return choose_focus(named_strategy(text), has_alpha=encoder.has_alpha)


def named_strategy(text: str | None) -> FocusStrategy | None:
    """The strategy that `--focus` names, if it names one.

    Raises:
        ConfigError: No such strategy or setting.
    """
    if text is None:
        return None
    name, settings = parse_named(text, flag="--focus")
    return focus_strategy(name, **settings)


def checked_strength(value: float) -> float:
    """The value of --strength.

    Raises:
        ConfigError: Outside [0, 2].
    """
    try:
        check_strength(value, name="--strength")
    except InputError as error:
        raise ConfigError(str(error)) from error
    return value


def embed_scenes(
    encoder: AlphaCLIP, scenes: Iterable[Scene], options: EncoderOptions, *, strength: float
) -> tuple[EmbedsFile, list[str], Float[Tensor, "k d"]]:
    """Embed scenes as `vary` does, and each of their regions by itself.

    Returns:
        One row for each scene; "picture: region" for each row of the third; those rows.
    """
    focus = strategy_for(encoder, options.focus)
    host = host_for(encoder, options)
    rows, names, labels, regions = [], [], [], []
    for scene in scenes:
        rows.append(
            region_embeds(
                host,
                encoder,
                scene.picture,
                scene.regions,
                focus=focus,
                negative_regions=scene.negative_regions,
                strength=strength,
            )
        )
        names.append(scene.path.name)
        of_scene, embeds = embed_each(view_of(host, encoder), scene, focus)
        labels += [f"{scene.path.name}: {label}" for label in of_scene]
        regions.append(embeds)
    negatives = [row.negative_image_embeds for row in rows if row.negative_image_embeds is not None]
    file = EmbedsFile(
        image_embeds=torch.cat([row.image_embeds for row in rows]),
        negative_image_embeds=torch.cat(negatives) if negatives else None,
        names=tuple(names),
    )
    return file, labels, torch.cat(regions)


def host_for(encoder: AlphaCLIP, options: EncoderOptions) -> Host:
    """The host that the embeddings are for; if the model is a mere encoder, a record that leaves it as it is."""
    model, _ = locate(options.model, None, {"revision": options.revision, "local_files_only": options.offline})
    if model.read("model_index.json") is not None:
        host = check_pairing(model, encoder)
        return host if options.fit is None else replace(host, geometry=replace(host.geometry, fit=options.fit))
    return Host(
        name="none",
        pipeline="",
        checkpoint=None,
        encoder=name_of(encoder.vision.config),
        embed_dim=None,
        enters="cross_attention",
        geometry=encoder.processor.geometry,
        licence="",
    )


def embed_each(encoder: AlphaCLIP, scene: Scene, focus: FocusStrategy) -> tuple[list[str], Float[Tensor, "k d"]]:
    """Labels and un-normalised embeddings of a scene's regions; of the whole picture if it has none."""
    rgb = scene.picture.rgb.to(encoder.device)
    if not scene.regions:
        return [WHOLE], encoder.encode_image(rgb)
    alphas = stack_alphas(scene.regions).to(rgb)
    check_visible(alphas, focus, encoder.processor.geometry)
    with torch.no_grad():
        embeds = focus.embed(encoder, rgb.expand(len(alphas), -1, -1, -1), alphas)
    return [region.label or f"region {i}" for i, region in enumerate(scene.regions)], embeds
