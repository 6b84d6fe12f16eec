"""Stage 2: from any CLIP to an Alpha-CLIP, on region-text pairs; the text tower and the temperature stay frozen.

The recipe of Sun et al., arXiv 2312.03818: the alpha slice of the patch convolution starts at zero and takes large
steps, the rest of the vision tower (its projection included) takes small ones, and a share of the pairs shows the whole
image. Beyond it: soft and partial alpha maps, and an anchor that keeps embeddings where image-conditioned generators
expect them, since text alone leaves them free to drift.
"""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import torch
from jaxtyping import Float
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from torchvision.utils import make_grid

from gencontrol.alpha_clip.alpha_slice import VisionTower, patch_convolution
from gencontrol.alpha_clip.model import DEFAULT_FOCUS, GRADED, AlphaCLIP
from gencontrol.alpha_clip.patch_product import patch_product_in
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.alpha_clip.text import tokenize
from gencontrol.alpha_clip.trainable import finished_tower, trainable_tower
from gencontrol.errors import ConfigError
from gencontrol.images.writing import to_pil
from gencontrol.sprites.compose import SceneConfig
from gencontrol.training.data.pairs import PairSource, single_ids
from gencontrol.training.loop.precision import forward_precision
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup
from gencontrol.training.stages.contrastive import gather, gather_plain, pair_losses, true_of
from gencontrol.training.stages.graded import GradedSet, dial_figures, share_losses
from gencontrol.training.stages.recognition import EncodeRegion, RecognitionSet, recognise, recognition_sheet


@dataclass(frozen=True, kw_only=True)
class AlphaClipTraining:
    """Stage 2: Alpha-CLIP from any CLIP."""

    run: RunConfig = field(default_factory=lambda: RunConfig(learning_rate=2e-4, weight_decay=0.02))
    """How the run goes; its learning rate is the alpha slice's."""
    base: str = ""
    """The plain CLIP or SigLIP to start from: a folder or hub id, both towers."""
    start: str = ""
    """An Alpha-CLIP that an earlier run exported, to go on from its vision tower with a new schedule."""
    rest_scale: float = 0.01
    """Step size of the rest of the vision tower, as a factor on the alpha slice's; 0.01 is the published one."""
    unfrozen_blocks: int | None = None
    """Train only this many of the last blocks beside the alpha slice and what follows them; all by default."""
    lora_rank: int = 0
    """Train low-rank updates of the blocks' matrices instead of the matrices; 0 trains the matrices themselves."""
    whole_share: float = 0.1
    """r_s: share of whole-image pairs, with alpha 1 everywhere; 0.1 is the published best."""
    alpha_kinds: tuple[float, ...] = (0.5, 0.1, 0.1, 0.1, 0.1, 0.1)
    """Relative frequency of exact, soft, partial, box, grown and faint alpha maps."""
    smoothing: float = 0.1
    """Label smoothing; 0.1 in the released training code. SigLIP's loss has none."""
    anchor: float = 0.0
    """Weight of the pull towards the plain CLIP's embedding of the marked thing alone (see `anchor_losses`)."""
    graded: float = 0.0
    """Share of the pairs with a map that holds a level for each sprite, whose names are to share attention so."""
    graded_weight: float = 1.0
    """Weight of their loss."""
    blanked: float = 0.0
    """Share of the pairs of one region whose picture is painted over outside of it."""
    default_focus: tuple[dict[str, str | float], ...] = ()
    """How the trained encoder looks unless it is told otherwise: a focus strategy's `name`, and its settings; or those
    of several, whose looks are added."""
    scenes: SceneConfig = field(default_factory=lambda: SceneConfig(counts=(0.15, 0.25, 0.3, 0.3)))
    """What is composed, where pairs come from the sprite world."""


class AlphaClipTask:
    """Stage 2 as the loop sees it."""

    def __init__(
        self,
        config: AlphaClipTraining,
        encoder: AlphaCLIP | AlphaSigLIP,
        source: PairSource,
        *,
        names: list[str] | None = None,
        tests: list[RecognitionSet] | None = None,
        dials: Sequence[GradedSet] = (),
    ):
        """Split the encoder's alpha slice off and freeze what is not trained; the encoder itself is not changed.

        Args:
            config: The stage's settings.
            encoder: Widened from a plain CLIP (`AlphaCLIP.from_clip`), with a text tower; `AlphaSiglipTask` is for one
                from a SigLIP.
            source: Region-text pairs.
            names: Texts of one per concept id, further negatives for every pair; none by default.
            tests: What to watch; needs `names`.
            dials: Scenes with levels to watch; needs `names`.

        Raises:
            ConfigError: An encoder without text tower, or more blocks to unfreeze than there are.
        """
        if encoder.text is None or encoder.tokenizer is None or encoder.logit_scale is None:
            raise ConfigError("Alpha-CLIP is trained against texts: the base needs a text tower and a tokenizer.")
        torch.manual_seed(config.run.seed)
        self.config, self.source, self.tests, self.dials = config, source, tests or [], dials
        self.encoder = copy.deepcopy(encoder).requires_grad_(False).eval()
        first = self._earlier(config.start) if config.start else copy.deepcopy(encoder.vision)
        first.set_attn_implementation("eager")  # The faster one on a CPU, see `build_clip`.
        patch_product_in(patch_convolution(first))
        self.module, alpha, rest = trainable_tower(
            first, unfrozen_blocks=config.unfrozen_blocks, lora_rank=config.lora_rank
        )
        self._groups = [ParameterGroup(parameters=alpha), ParameterGroup(parameters=rest, scale=config.rest_scale)]
        self.names = self._embed(names) if names else torch.zeros(0, encoder.embed_dim)

    def check_captions(self, texts: Sequence[str]) -> None:
        """Refuse now what would stop the run when it is drawn.

        Raises:
            InputError: A caption with words unknown to a word-level tokenizer, or with too many tokens.
        """
        for text in texts:
            self._tokens([text])

    def groups(self) -> list[ParameterGroup]:
        """The alpha slice at full step size, the rest at its own."""
        return self._groups

    def draw(self, index: int) -> Batch:
        """Pixel values of four channels, text embeddings, what is true of what, and the anchor's embeddings."""
        pairs = self.source.draw(index, self.config.run.chunk)
        batch = {
            "pixels": self.encoder.processor(pairs.rgb, pairs.alpha),
            "texts": self._embed(pairs.texts),
            "image_concepts": pairs.image_concepts,
            "text_concepts": pairs.text_concepts,
        }
        if pairs.shares is not None:
            batch["shares"] = pairs.shares
        if self.config.anchor:
            alone = pairs.rgb if pairs.alone is None else pairs.alone
            batch["anchor"] = self._plain(alone)
            batch["anchored"] = pairs.whole if pairs.alone is None else torch.ones_like(pairs.whole)
            if pairs.shares is not None:
                # Several things at once have no picture of their own.
                batch["anchored"] = batch["anchored"] & (pairs.shares.sum(-1) == 0)
        return batch

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The contrastive loss against frozen texts, and the anchor."""
        embeds = self._embeds(module(pixel_values=batch["pixels"])).float()
        image = gather(functional.normalize(embeds, dim=-1))
        device = image.device
        text = torch.cat([gather_plain(batch["texts"]), self.names.to(device)])
        named = torch.cat([gather_plain(batch["text_concepts"]), single_ids(len(self.names)).to(device)])
        truth = true_of(gather_plain(batch["image_concepts"]), named)
        scale = cast(Tensor, self.encoder.logit_scale).exp().to(device)
        to_text, to_image = self._contrast(image, text, truth, scale)
        losses = {"image_to_text": to_text, "text_to_image": to_image}
        if "shares" in batch:
            losses |= self._shared(losses, image, batch, scale)
        losses = {name: values.mean() * _WEIGHTS[name] for name, values in losses.items()}
        if "shares" in losses:
            losses["shares"] = self.config.graded_weight * losses["shares"]
        if self.config.anchor:
            pull = anchor_losses(embeds, batch["anchor"]) * batch["anchored"]
            losses["anchor"] = self.config.anchor * pull.mean()
        return losses

    def _shared(self, losses: Mapping[str, Tensor], image: Tensor, batch: Batch, scale: Tensor) -> dict[str, Tensor]:
        """For graded maps the loss of their shares, in the place of the contrastive one in both directions."""
        shares, shown = gather_plain(batch["shares"]), gather_plain(batch["image_concepts"])
        single = (shares.sum(-1) == 0).float()
        names = self.names.to(image.device)
        with torch.autocast(image.device.type, enabled=False):
            shared = share_losses(image.float(), names, shown, shares, scale=scale)
        return {name: values * single for name, values in losses.items()} | {"shares": shared}

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Top-1 with the mask and, on single sprites, with alpha 1 everywhere."""
        encode = self._reader(module)
        figures = {f"top1/{t.name}": recognise(encode, self.names, t).top1 for t in self.tests}
        for test in self.tests:
            if test.name == "1":
                whole = recognise(lambda rgb, alpha: encode(rgb, torch.ones_like(alpha)), self.names, test)
                figures["top1/1-all-ones"] = whole.top1
        scale = cast(Tensor, self.encoder.logit_scale).exp().item()
        for dial in self.dials:
            figures |= dial_figures(lambda rgb, alpha: encode(rgb, alpha).cpu(), self.names.cpu(), dial, scale=scale)
        return figures

    def sheet(self, module: nn.Module) -> Image.Image:
        """Test scenes with the names that the model gives to the marked sprite; of a folder, the marked pictures."""
        if not self.tests:
            pairs = self.source.draw(0, 8)
            return to_pil(make_grid(pairs.rgb * (0.35 + 0.65 * pairs.alpha[:, None]), nrow=4))
        concepts = getattr(getattr(self.source, "store", None), "concepts", ())
        return recognition_sheet(self._reader(module), self.names, self.tests, concepts)

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save an AlphaCLIP folder: the merged vision tower beside the frozen text tower."""
        finished = copy.deepcopy(self.encoder)
        finished.vision = finished_tower(module)
        for key, value in ((GRADED, self.config.graded > 0), (DEFAULT_FOCUS, list(self.config.default_focus))):
            if value:
                setattr(finished.vision.config, key, value)
        finished.save_pretrained(folder)

    def _earlier(self, start: str) -> VisionTower:
        """The vision tower that an earlier run exported."""
        return AlphaCLIP.from_pretrained(start).vision

    def _embeds(self, output: Any) -> Float[Tensor, "b d"]:
        """The embeddings in what the vision tower gives."""
        return output.image_embeds

    def _contrast(self, image: Tensor, text: Tensor, truth: Tensor, scale: Tensor) -> tuple[Tensor, Tensor]:
        """The two halves of the loss, unreduced."""
        return pair_losses(image, text, truth, scale=scale, smoothing=self.config.smoothing)

    def _reader(self, module: nn.Module) -> EncodeRegion:
        def encode(rgb: Tensor, alpha: Tensor) -> Tensor:
            device = next(module.parameters()).device
            return self._embeds(module(pixel_values=self.encoder.processor(rgb, alpha).to(device)))

        return encode

    @torch.no_grad()
    def _embed(self, texts: list[str]) -> Float[Tensor, "t d"]:
        tower = self.encoder.text
        assert tower is not None
        placed = {name: values.to(tower.device) for name, values in self._tokens(texts).items()}
        return functional.normalize(tower(**placed).text_embeds.float(), dim=-1)

    def _tokens(self, texts: list[str]) -> Mapping[str, Tensor]:
        tower, tokenizer = self.encoder.text, self.encoder.tokenizer
        assert tower is not None and tokenizer is not None
        return tokenize(tokenizer, texts, length=tower.config.max_position_embeddings)

    @torch.no_grad()
    def _plain(self, rgb: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b d"]:
        # The frozen encoder's alpha weights are zero, so this is the plain CLIP.
        pixels = self.encoder.processor(rgb, torch.ones_like(rgb[:, 0])).to(self.encoder.device)
        with forward_precision(pixels.device.type, self.config.run.precision):
            return self.encoder.encode_pixels(pixels).float()


_WEIGHTS = {"image_to_text": 0.5, "text_to_image": 0.5, "shares": 1.0}
"""Of the terms of the loss."""


def anchor_losses(embeds: Float[Tensor, "b d"], target: Float[Tensor, "b d"]) -> Float[Tensor, " b"]:
    """Squared distance from the plain CLIP's embedding, relative to its squared length.

    Direction and length both count: image-variation hosts take the embedding as it is, not normalised.
    """
    return (embeds - target).square().sum(-1) / target.square().sum(-1)
