"""From an image and its regions to the embeddings that a host takes: the seam between the core and diffusers."""

from collections.abc import Sequence

import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.embed import RegionEmbeds, embed_regions, seen_through
from gencontrol.errors import PairingError
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.reading import ImageSource
from gencontrol.kinds import checked
from gencontrol.pipelines.hosts.host import Host
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene


@checked
def region_embeds(
    host: Host,
    encoder: AlphaCLIP,
    image: ImageSource | Scene,
    regions: Sequence[Region] = (),
    *,
    focus: FocusStrategy | None = None,
    negative_regions: Sequence[Region] = (),
    strength: float = 1.0,
    geometry: Geometry | None = None,
    keep_whole: bool = False,
    device: torch.device | None = None,
) -> RegionEmbeds:
    """Embed the regions of an image for a host: `embed_regions`, at the host's width and in its geometry.

    Args:
        host: The pipeline that will take the embeddings.
        encoder: Of the host's width.
        image: See `embed_regions`.
        regions: See `embed_regions`.
        focus: See `embed_regions`.
        negative_regions: See `embed_regions`.
        strength: See `embed_regions`.
        geometry: How the picture is brought to the encoder's square; None is the host's. Its size is the encoder's.
        keep_whole: See `embed_regions`.
        device: See `embed_regions`.

    Raises:
        InputError: See `embed_regions`.
        PairingError: An encoder of another width than the host's, or see `embed_regions`.
    """
    check_width(host, encoder.embed_dim)
    return embed_regions(
        encoder,
        geometry or host.geometry,
        image,
        regions,
        focus=focus,
        negative_regions=negative_regions,
        strength=strength,
        keep_whole=keep_whole,
        device=device,
    )


def check_width(host: Host, width: int) -> None:
    """Compare an embedding's width with what a host takes.

    Raises:
        PairingError: Says both widths.
    """
    if host.embed_dim not in (None, width):
        raise PairingError(
            f"The host {host.name} takes embeddings of a {host.encoder}, of width {host.embed_dim}; got width {width}."
        )


def view_of(host: Host, encoder: AlphaCLIP, geometry: Geometry | None = None) -> AlphaCLIP:
    """The encoder behind the host's geometry, or another, at the encoder's own size."""
    return seen_through(encoder, geometry or host.geometry)
