"""From pictures and regions to a tower's tokens, for hosts that read patches instead of one embedding.

A host's resampler is a set function of its tokens: it has no positions, and a norm undoes any scaling of a token. So a
token cannot be weighed by a factor; it can be left out, or repeated, which is exact: a token that is repeated k times
counts as one whose attention logits are raised by log k.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from gencontrol.conditioning.embed import check_visible, choose_focus
from gencontrol.conditioning.token_towers import Layer, TokenTower, check_placed
from gencontrol.errors import InputError
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.attention import AttentionFocus, all_tokens_bias, patch_alphas
from gencontrol.focus.looks import SumFocus
from gencontrol.focus.mask_inversion import MaskInversionFocus
from gencontrol.focus.masked_pooling import MaskedPoolingFocus
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.images.bounds import bounded
from gencontrol.kinds import check_word
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.levels import check_levels
from gencontrol.regions.region import Region, stack_alphas
from gencontrol.regions.scene import Scene

POOLED = (SumFocus, MaskedPoolingFocus, MaskInversionFocus)
"""Strategies that act on an embedding; the tokens that they start from are the whole picture's."""
TokenFocus = Literal["repeat", "leave_out", "keep"]
"""How patches outside of a region are treated beside the focus strategy: `repeat` those inside in their place, so that
as many tokens arrive as ever; `leave_out` those outside; or `keep` all, as the strategy made them."""


@dataclass(frozen=True, kw_only=True)
class RegionTokens:
    """What a token host is conditioned on."""

    tokens: Float[Tensor, "1 t d"]
    """Of the regions, the class token first where the tower has one."""
    negative: Float[Tensor, "1 t d"]
    """Of the negative regions, or of zero pixels, which is what stock pipelines take; treated alike."""
    weights: Float[Tensor, " p"]
    """How much each of the tower's tokens is of the regions, [0, 1]; as many as `tokens` where all are kept."""


@torch.no_grad()
def embed_tokens(
    tower: TokenTower,
    geometry: Geometry,
    scene: Scene,
    *,
    focus: FocusStrategy | None = None,
    token_focus: TokenFocus = "repeat",
    strength: float = 1.0,
    layer: Layer = "penultimate",
) -> RegionTokens:
    """Embed the regions of a picture as tokens.

    Several regions are one map: their union, each as high as its weight beside the largest.

    Args:
        tower: Gives the tokens.
        geometry: How the picture is brought to the tower's square; its size is the tower's, whatever it says.
        scene: The picture, its regions (none: the whole picture) and negative regions.
        focus: How the tower is made to look; None is its alpha channel if it has been trained, else attention on all
            rows.
        token_focus: What becomes of the patches outside. Padding beside the picture is outside too.
        strength: In [0, 1]: 0 is the whole picture, 1 the region; between, the rest keeps 1 - strength of its weight.
        layer: Which hidden states the host takes.

    Raises:
        InputError: A strength above 1, which tokens cannot follow, a focus that acts on embeddings, regions that the
            tower would not see, or an unknown word.
        PairingError: The focus `alpha` with a tower whose alpha weights are zero, or a tower whose weights are on no
            device.
    """
    check_placed(tower.vision)
    check_word(token_focus, TokenFocus, name="token_focus")
    check_word(layer, Layer, name="layer")
    if not 0 <= strength <= 1:
        raise InputError(
            f"strength: expected 0 (the whole image) to 1 (the region), got {strength}: tokens can be weighed, not "
            "moved beyond the region."
        )
    tower = replace(
        tower, processor=tower.processor.with_geometry(replace(geometry, size=tower.processor.geometry.size))
    )
    if scene.regions or scene.negative_regions:
        focus = _on_all_rows(choose_focus(focus, has_alpha=tower.has_alpha))
        check_token_focus(focus)
    look = _look(tower, scene, scene.regions, focus, strength=strength)
    hidden, counts = tower.hidden(look.pixels, look.bias, layer=layer), look.counts(token_focus)
    if scene.negative_regions:
        away = _look(tower, scene, scene.negative_regions, focus, strength=1.0)
        nothing = tower.hidden(away.pixels, away.bias, layer=layer)
        # Both go into one tensor: as many as there are of the regions.
        own = counts if token_focus == "keep" else multiplicities(away.weights, int(counts.sum()))
    else:
        nothing, own = tower.hidden(zero_pixels(tower), None, layer=layer), counts
    return RegionTokens(tokens=repeated(hidden, counts), negative=repeated(nothing, own), weights=look.weights)


def check_token_focus(focus: FocusStrategy | None) -> None:
    """Refuse a strategy that acts on an embedding, where tokens are read.

    Raises:
        InputError: Says which strategies there are.
    """
    if isinstance(focus, POOLED):
        called = "+".join(look.name for look in focus.looks) if isinstance(focus, SumFocus) else focus.name
        raise InputError(
            f"The focus {called!r} makes one embedding, and this model reads the tokens of one look: choose another "
            "focus, such as `zoom` or `attention`."
        )


@dataclass(frozen=True, kw_only=True)
class _Look:
    """What a tower is given, and how much each token counts."""

    pixels: Float[Tensor, "1 c s s"]
    bias: Float[Tensor, "1 1 1 t"] | None
    weights: Float[Tensor, " t"]

    def counts(self, token_focus: TokenFocus) -> Int[Tensor, " t"]:
        """How often each token is given."""
        if token_focus == "keep":
            return torch.ones_like(self.weights, dtype=torch.long)
        if token_focus == "leave_out":
            _check_marked(self.weights)
            return (self.weights >= self.weights.max() / 2).long()
        return multiplicities(self.weights, len(self.weights))


def _look(
    tower: TokenTower, scene: Scene, regions: Sequence[Region], focus: FocusStrategy | None, *, strength: float
) -> _Look:
    rgb = scene.picture.rgb[None].to(tower.device)
    alpha = rgb.new_ones(1, *scene.picture.size)
    strategy: FocusStrategy = AlphaFocus()
    if regions and strength > 0:
        assert focus is not None
        strategy, alpha = focus, (1 - strength * (1 - levels(regions).to(rgb)))[None]
        check_visible(alpha.cpu(), strategy, tower.processor.geometry)
    pixels, bias = strategy.view(tower.processor, rgb, alpha), None
    shown = tower.processor.denormalize(pixels)[:, 3:]
    if isinstance(strategy, AttentionFocus):
        shown = tower.processor.denormalize(AlphaFocus().view(tower.processor, rgb, alpha))[:, 3:]
        patches = patch_alphas(alpha, tower.processor.geometry, tower.patch)
        bias = all_tokens_bias(patches, scale=strategy.scale, floor=strategy.floor, class_token=tower.has_class_token)
    return _Look(pixels=pixels[:, : tower.channels], bias=bias, weights=token_weights(shown, tower)[0])


def levels(regions: Sequence[Region]) -> Float[Tensor, "h w"]:
    """One map of several regions: the highest of their maps, each times its weight, or level, beside the largest."""
    check_levels(regions)
    weights = torch.tensor([region.weight * region.level for region in regions])
    return (stack_alphas(regions) * (weights / weights.max())[:, None, None]).amax(dim=0)


def token_weights(shown: Float[Tensor, "b 1 s s"], tower: TokenTower) -> Float[Tensor, "b t"]:
    """How much each token is of the region: the mean of the map that the tower is shown, [0, 1], in each patch.

    The class token, where there is one, counts as much as the patch that is most of the region: a faint mask, or a
    region smaller than a patch, would otherwise leave little but the class token.

    Args:
        shown: Alpha at the tower's size, 0 beside the picture.
        tower: Whose tokens.
    """
    patches = bounded(functional.avg_pool2d(shown.float(), tower.patch).flatten(1))
    return torch.cat([patches.amax(dim=1, keepdim=True), patches], dim=1) if tower.has_class_token else patches


def multiplicities(weights: Float[Tensor, " t"], total: int) -> Int[Tensor, " t"]:
    """How often each token is given, so that `total` arrive in the weights' shares.

    Shares are rounded to whole numbers, the largest remainders up: a soft border is coarse, and a weight far below the
    others' mean is none at all.

    Args:
        weights: 0 or more, not all 0; only their ratios count.
        total: How many tokens there are to be.

    Returns:
        Ones for equal weights of `total` tokens.

    Raises:
        InputError: All weights are 0.
    """
    _check_marked(weights)
    shares = weights.double() / weights.double().sum() * total
    # Rounding errors of the division must not cost a token that is due.
    counts = (shares + 1e-9).floor()
    rest = int(total - counts.sum())
    counts[(shares - counts).argsort(descending=True, stable=True)[:rest]] += 1
    return counts.long()


def _check_marked(weights: Float[Tensor, " t"]) -> None:
    if not bool((weights > 0).any()):
        raise InputError("No patch of the encoder is marked: the region lies outside of what the encoder sees.")


def repeated(tokens: Float[Tensor, "b t d"], counts: Int[Tensor, " t"]) -> Float[Tensor, "b n d"]:
    """Each token as often as its count says, in the tokens' order."""
    return tokens.repeat_interleave(counts.to(tokens.device), dim=1)


def zero_pixels(tower: TokenTower) -> Float[Tensor, "1 c s s"]:
    """What stock pipelines encode as "no picture": normalised colour 0, and alpha 1 where there is such a channel.

    With alpha 0 after normalisation it would be a picture that is half looked at.
    """
    size = tower.processor.geometry.size
    ones = tower.processor.normalize(torch.ones(1, 4, size, size, device=tower.device))
    return torch.cat([torch.zeros_like(ones[:, :3]), ones[:, 3:]], dim=1)[:, : tower.channels]


def _on_all_rows(focus: FocusStrategy) -> FocusStrategy:
    # The class token's row alone leaves the patches' tokens as they are.
    return replace(focus, rows="all") if isinstance(focus, AttentionFocus) else focus
