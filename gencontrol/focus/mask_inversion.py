"""Focus by optimising an embedding at test time until what explains it is the part."""

import copy
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn import functional

from gencontrol.alpha_clip.attention import attention_weights, heads
from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.vision import run_vision
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus.attention import shown_alphas
from gencontrol.focus.boxes import check_marked
from gencontrol.focus.masked_pooling import as_long_as, last_layer
from gencontrol.focus.pixels import whole
from gencontrol.images.picture import Colours
from gencontrol.kinds import check_fields
from gencontrol.numbers import check_number

MOST_STEPS = 1000
"""More than anybody waits for."""


@dataclass(frozen=True, kw_only=True)
class MaskInversionFocus:
    """An embedding, at first the whole picture's, is moved until its explanation covers the part and nothing else.

    The explanation says how much each patch would raise the embedding's similarity to the picture's tokens if it were
    attended to more: the gradient of the similarity with respect to the last layer's attention. The tower is run once
    and stays as it is; each step goes through its last layer twice. A baseline without training, and a slow one.

    Source: Bousselham et al., "MaskInversion: Localized Embeddings via Optimization of Explainability Maps",
    arXiv 2407.20034; their explanation is LeGrad, arXiv 2404.03214. Defaults are those of their code
    (WalBouss/MaskInversion, commit 6257297: AdamW without decay, last layer, soft Dice). Written anew.
    """

    name: ClassVar[str] = "mask-inversion"
    takes_bytes: ClassVar[bool] = True
    steps: int = 10
    """Of optimisation; 0 leaves the whole picture's embedding."""
    rate: float = 0.1
    """Step of Adam: by about so much an embedding's numbers move at first."""
    regularisation: float = 0.0
    """How much the embedding is held to the whole picture's; the authors take 0 to name things and 5 for referring
    expressions."""

    def __post_init__(self) -> None:
        check_fields(self)
        if not 0 <= self.steps <= MOST_STEPS:
            raise ConfigError(f"steps: expected 0 to {MOST_STEPS}, got {self.steps}.")
        check_number(self.rate, name="rate", above=0)
        check_number(self.regularisation, name="regularisation", at_least=0)

    def embed(self, encoder: AlphaCLIP, rgb: Colours, alpha: Float[Tensor, "b h w"]) -> Float[Tensor, "b d"]:
        """See `FocusStrategy.embed`. Not differentiable. As long as the class token's embedding."""
        check_marked(alpha)
        check_precision(encoder)
        pixels = self.view(encoder.processor, rgb, alpha).to(encoder.dtype)
        with torch.no_grad():
            seen = run_vision(encoder.vision, pixels, output_hidden_states=True)
        # Gradients are needed wherever this is called, and tensors made under `inference_mode` can have none.
        with torch.inference_mode(False), torch.enable_grad():
            start, hidden = (t.clone().float() for t in (seen.image_embeds, seen.hidden_states[-2]))
            target = shown_alphas(alpha.detach().clone(), encoder.processor.geometry).to(start)
            moved = self._invert(Explained(last_block(encoder), hidden), start, target)
        return as_long_as(start, moved).to(encoder.dtype)

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Colours, alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`: the whole picture."""
        return whole(processor, rgb)

    def _invert(
        self, explained: "Explained", start: Float[Tensor, "b d"], target: Float[Tensor, "b s s"]
    ) -> Float[Tensor, "b d"]:
        embeds = start.clone().requires_grad_()
        optimiser = torch.optim.Adam([embeds], lr=self.rate)
        for _ in range(self.steps):
            shown = enlarged(explained.by(functional.normalize(embeds, dim=-1)), target.shape[-1])
            away = 1 - functional.cosine_similarity(embeds, start, dim=-1)
            loss = dice_loss(shown, target) + self.regularisation * away
            # The sum, not the mean: pictures of a batch have nothing to do with each other.
            (embeds.grad,) = torch.autograd.grad(loss.sum(), embeds)
            optimiser.step()
        return embeds.detach()


@dataclass(frozen=True, kw_only=True)
class LastBlock:
    """What stands between the last attention and an embedding."""

    layer: nn.Module
    """A stock `CLIPEncoderLayer`."""
    norm: nn.Module
    """The tower's last."""
    projection: nn.Module
    """To the embedding's width."""


def check_precision(encoder: AlphaCLIP) -> None:
    """Refuse weights in half precision that are loaded layer by layer: they cannot be copied into float32.

    Raises:
        InputError: Says so.
    """
    if encoder.device.type == "meta" and encoder.dtype != torch.float32:
        raise InputError(
            "The focus `mask-inversion` needs float32 where weights are loaded layer by layer: give dtype float32, or "
            "offload whole models."
        )


def last_block(encoder: AlphaCLIP) -> LastBlock:
    """The tower's last layer, norm and projection; copied into float32, which second derivatives need.

    Weights that are loaded layer by layer cannot be copied, and are float32 as they are (`check_precision`).
    """
    vision, elsewhere = encoder.vision, encoder.device.type == "meta"
    parts = (last_layer(vision), vision.get_submodule("vision_model.post_layernorm"), vision.visual_projection)
    layer, norm, projection = parts if elsewhere else (copy.deepcopy(p).float().requires_grad_(False) for p in parts)
    return LastBlock(layer=layer, norm=norm, projection=projection)


class Explained:
    """Pictures whose embeddings are explained: which patches, attended to more, would bring them nearer."""

    def __init__(self, block: LastBlock, hidden: Float[Tensor, "b n w"]):
        """Run the last layer, keeping its attention.

        Args:
            block: See `last_block`.
            hidden: What goes into the layer.
        """
        self._attention = attention_weights(block.layer, hidden).detach().requires_grad_()
        tokens = after_attention(block.layer, hidden, self._attention).mean(dim=1)
        self._features = functional.normalize(block.projection(block.norm(tokens)).float(), dim=-1)

    def by(self, embeds: Float[Tensor, "b d"]) -> Float[Tensor, "b g g"]:
        """The map of each embedding, [0, 1]: 0 where a patch explains least of it, 1 where most.

        Linear in the embedding but for the clamp and the scaling; differentiable.

        Args:
            embeds: Of unit length, one for each picture.
        """
        similarity = (embeds * self._features).sum()
        (gradient,) = torch.autograd.grad(similarity, self._attention, create_graph=True, retain_graph=True)
        patches = gradient.clamp_min(0).mean(dim=(1, 2))[:, 1:]
        side = int(patches.shape[1] ** 0.5)
        return spread(patches).unflatten(1, (side, side))


def after_attention(
    layer: nn.Module, hidden: Float[Tensor, "b n w"], attention: Float[Tensor, "b heads n n"]
) -> Float[Tensor, "b n w"]:
    """What a stock `CLIPEncoderLayer` gives if it attends so."""
    normed, own = layer.get_submodule("layer_norm1")(hidden), layer.get_submodule("self_attn")
    read = attention.to(hidden.dtype) @ heads(own, "v_proj", normed)
    mixed = hidden + own.get_submodule("out_proj")(read.transpose(1, 2).flatten(2))
    return mixed + layer.get_submodule("mlp")(layer.get_submodule("layer_norm2")(mixed))


def spread(maps: Float[Tensor, "b p"]) -> Float[Tensor, "b p"]:
    """Each map from its least value, 0, to its largest, 1; one that is the same everywhere is 0."""
    least, most = maps.amin(dim=1, keepdim=True), maps.amax(dim=1, keepdim=True)
    return (maps - least) / (most - least).clamp_min(torch.finfo(maps.dtype).tiny)


def enlarged(maps: Float[Tensor, "b g g"], side: int) -> Float[Tensor, "b s s"]:
    """Maps of patches at the encoder's size."""
    return functional.interpolate(maps[:, None], size=(side, side), mode="bilinear", align_corners=False)[:, 0]


def dice_loss(maps: Float[Tensor, "b s s"], targets: Float[Tensor, "b s s"]) -> Float[Tensor, " b"]:
    """1 less twice the maps' product over their sum: 0 where two maps of 0 and 1 are equal, 1 where they are apart."""
    both, sums = (maps * targets).sum((1, 2)), (maps + targets).sum((1, 2))
    return 1 - 2 * both / sums.clamp_min(torch.finfo(maps.dtype).tiny)
