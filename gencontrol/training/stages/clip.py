"""Stage 1: a CLIP from scratch, on pictures and captions."""

import copy
import math
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import cast

import torch
from jaxtyping import Float, Int
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPConfig, CLIPModel, PreTrainedTokenizerFast

from gencontrol.alpha_clip.preprocess import ALPHA_MEAN, ALPHA_STD, AlphaCLIPProcessor
from gencontrol.images.bounds import bounded
from gencontrol.regions.geometry import Geometry
from gencontrol.sprites.captions import CONTEXT_LENGTH, END, PAD, START, build_tokenizer, concept_prompts
from gencontrol.sprites.compose import SceneConfig
from gencontrol.sprites.store import CPU, SpriteStore
from gencontrol.training.data.pairs import SpritePairs, single_ids
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.task import Batch, ParameterGroup
from gencontrol.training.stages.contrastive import gather, gather_plain, pair_losses, true_of
from gencontrol.training.stages.growth import deepened, with_words
from gencontrol.training.stages.recognition import (
    EncodeRegion,
    RecognitionSet,
    recognise,
    recognition_sets,
    recognition_sheet,
)

_LARGEST_SCALE = 100.0
"""Of the logits, as in CLIP (arXiv 2103.00020, section 2.5)."""


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """Shapes of the two towers."""

    image_size: int = 64
    """Side of the vision tower's input in pixels."""
    patch_size: int = 8
    """Side of a patch in pixels."""
    vision_width: int = 192
    """Width of the vision tower."""
    vision_layers: int = 6
    """Blocks of the vision tower."""
    vision_heads: int = 3
    """Attention heads of the vision tower."""
    text_width: int = 128
    """Width of the text tower."""
    text_layers: int = 3
    """Blocks of the text tower."""
    text_heads: int = 2
    """Attention heads of the text tower."""
    embedding: int = 192
    """Width of the shared embedding."""


@dataclass(frozen=True, kw_only=True)
class ClipTraining:
    """Stage 1: CLIP from scratch on the sprite world."""

    run: RunConfig = field(default_factory=RunConfig)
    """How the run goes."""
    start: str = ""
    """A folder that an earlier run exported, to go on from its weights with a new schedule. Its shapes are kept, but
    that its vision tower grows to `towers.vision_layers` blocks and that further words of the concepts are added."""
    towers: TowerConfig = field(default_factory=TowerConfig)
    """Shapes."""
    scenes: SceneConfig = field(default_factory=lambda: SceneConfig(counts=(0.4, 0.2, 0.2, 0.2)))
    """What is composed."""
    growth: float = 0.5
    """Share of the run over which scenes grow from one sprite to the configured counts."""
    temperature: float = 0.07
    """The starting temperature; it is trained."""
    smoothing: float = 0.0
    """Label smoothing."""
    described: float = 0.0
    """Share of texts that also say where things are, how large, or which colour they have, each with its opposite."""


def build_clip(towers: TowerConfig, tokenizer: PreTrainedTokenizerFast, *, temperature: float = 0.07) -> CLIPModel:
    """A CLIPModel with random weights from torch's global generator; seed that first."""
    config = CLIPConfig(
        text_config={
            "vocab_size": len(tokenizer),
            "hidden_size": towers.text_width,
            "intermediate_size": 4 * towers.text_width,
            "num_hidden_layers": towers.text_layers,
            "num_attention_heads": towers.text_heads,
            "max_position_embeddings": CONTEXT_LENGTH,
            "projection_dim": towers.embedding,
            "pad_token_id": PAD,
            "bos_token_id": START,
            "eos_token_id": END,
        },
        vision_config={
            "hidden_size": towers.vision_width,
            "intermediate_size": 4 * towers.vision_width,
            "num_hidden_layers": towers.vision_layers,
            "num_attention_heads": towers.vision_heads,
            "image_size": towers.image_size,
            "patch_size": towers.patch_size,
            "projection_dim": towers.embedding,
        },
        projection_dim=towers.embedding,
        logit_scale_init_value=float(torch.tensor(1 / temperature).log()),
    )
    clip = CLIPModel(config)
    # For some sixty tokens, plain attention trains half as fast again on a CPU as the fused kernel's backward pass.
    clip.set_attn_implementation("eager")
    return clip


def first_clip(config: ClipTraining, tokenizer: PreTrainedTokenizerFast) -> CLIPModel:
    """What the run starts from: random weights, or an earlier run's.

    Raises:
        ConfigError: The earlier run knows other words, or has more blocks.
    """
    if not config.start:
        return build_clip(config.towers, tokenizer, temperature=config.temperature)
    clip = CLIPModel.from_pretrained(config.start, dtype=torch.float32)
    known = PreTrainedTokenizerFast.from_pretrained(config.start)
    clip = deepened(with_words(clip, known, tokenizer), config.towers.vision_layers)
    clip.set_attn_implementation("eager")
    return clip


class ClipTask:
    """Stage 1 as the loop sees it."""

    def __init__(self, config: ClipTraining, store: SpriteStore, *, device: torch.device = CPU):
        """Build the towers from the run's seed.

        Args:
            config: The stage's settings.
            store: The sprites.
            device: Where the scenes of the training are composed; those of tests are on the CPU.
        """
        torch.manual_seed(config.run.seed)
        self.config = config
        self.store = store
        self.tokenizer = build_tokenizer(store.concepts)
        self.module: nn.Module = first_clip(config, self.tokenizer)
        self.processor = AlphaCLIPProcessor(geometry=Geometry(size=config.towers.image_size))
        # Captions are about the whole picture: every pair is a whole-image pair.
        growth = int(config.growth * config.run.steps * config.run.batch / config.run.chunk)
        self.source = SpritePairs(
            store=store.to(device),
            scenes=config.scenes,
            seed=config.run.seed,
            whole_share=1.0,
            growth=growth,
            described=config.described,
        )
        self.names = tokenise(self.tokenizer, concept_prompts(store.concepts))
        self.tests: list[RecognitionSet] = recognition_sets(store, size=config.towers.image_size)

    def groups(self) -> list[ParameterGroup]:
        """The blocks' matrices, and everything else."""
        hidden = [p for n, p in self.module.named_parameters() if ".layers." in n and p.ndim == 2]
        chosen = {id(p) for p in hidden}
        others = [p for p in self.module.parameters() if id(p) not in chosen]
        return [ParameterGroup(parameters=others), ParameterGroup(parameters=hidden, hidden=True)]

    def draw(self, index: int) -> Batch:
        """Pictures, token ids and what is true of what."""
        pairs = self.source.draw(index, self.config.run.chunk)
        batch = {
            "pixels": normalise_rgb(self.processor, pairs.rgb),
            "tokens": tokenise(self.tokenizer, pairs.texts),
            "image_concepts": pairs.image_concepts,
            "text_concepts": pairs.text_concepts,
        }
        if pairs.opposites is not None:
            # Where there is none, the text itself stands for it and is left out of the loss.
            texts = [opposite or text for opposite, text in zip(pairs.opposites, pairs.texts, strict=True)]
            batch["opposites"] = tokenise(self.tokenizer, texts)
            batch["has_opposite"] = torch.tensor([bool(opposite) for opposite in pairs.opposites])
        return batch

    def losses(self, module: nn.Module, batch: Batch) -> dict[str, Tensor]:
        """The contrastive loss in both directions, with every concept's name as further negatives."""
        own, names = batch["tokens"], self.names.to(batch["tokens"].device)
        opposite = batch.get("opposites", own[:0])
        tokens = trim(torch.cat([own, opposite, names]))
        output = module(input_ids=tokens, attention_mask=tokens != PAD, pixel_values=batch["pixels"])
        image = gather(output.image_embeds.float())
        own_text, opposite_text, name_text = output.text_embeds.float().split([len(own), len(opposite), len(names)])
        text = torch.cat([gather(own_text), gather(opposite_text), name_text])
        truth = self._truth(batch)
        # At the bound it can still be lowered.
        scale = bounded(cast(CLIPModel, self.module).logit_scale, -math.inf, math.log(_LARGEST_SCALE)).exp()
        to_text, to_image = pair_losses(image, text, truth, scale=scale, smoothing=self.config.smoothing)
        return {"image_to_text": to_text.mean() / 2, "text_to_image": to_image.mean() / 2}

    def _truth(self, batch: Batch) -> Tensor:
        """What is true of what: the pairs' own texts, their opposites, all names; a pair's opposite is false of it."""
        shown, told = gather_plain(batch["image_concepts"]), gather_plain(batch["text_concepts"])
        own = true_of(shown, told)
        names = true_of(shown, single_ids(len(self.names)).to(shown.device))
        if "opposites" not in batch:
            return torch.cat([own, names], dim=1)
        # An opposite may be true of any other picture that shows the same things: nobody looked.
        opposite = own | ~gather_plain(batch["has_opposite"])
        opposite.diagonal().copy_(~gather_plain(batch["has_opposite"]))
        return torch.cat([own, opposite, names], dim=1)

    def evaluate(self, module: nn.Module) -> dict[str, float]:
        """Top-1 among all names on test scenes of one sprite, and how often a description beats its opposite."""
        encode, names = self._readers(module)
        singles = [t for t in self.tests if t.sprites == 1]
        figures = {f"top1/{t.name}": recognise(encode, names, t).top1 for t in singles}
        return figures | self._described(module) if self.config.described else figures

    def _described(self, module: nn.Module) -> dict[str, float]:
        scenes = SceneConfig(size=self.config.towers.image_size, counts=(0.0, 1.0), split="test")
        pairs = replace(self.source, scenes=scenes, described=1.0, growth=0, seed=1).draw(0, 256)
        rows = [row for row, opposite in enumerate(pairs.opposites or []) if opposite]
        clip = cast(CLIPModel, module)
        image = functional.normalize(rgb_encoder(clip, self.processor)(pairs.rgb[rows], pairs.alpha[rows]), dim=-1)
        told, turned = (
            name_embeddings(clip, tokenise(self.tokenizer, [texts[row] for row in rows]))
            for texts in (pairs.texts, pairs.opposites or [])
        )
        return {"described/2": (image * (told - turned)).sum(-1).gt(0).double().mean().item()}

    def sheet(self, module: nn.Module) -> Image.Image:
        """Test scenes with the names that the model gives them."""
        encode, names = self._readers(module)
        return recognition_sheet(encode, names, self.tests, self.store.concepts)

    def _readers(self, module: nn.Module) -> tuple[EncodeRegion, Tensor]:
        clip = cast(CLIPModel, module)
        return rgb_encoder(clip, self.processor), name_embeddings(clip, self.names)

    def export(self, module: nn.Module, folder: Path) -> None:
        """Save a CLIPModel folder with tokenizer and processor."""
        save_clip(cast(CLIPModel, module), self.tokenizer, self.processor, folder)


def normalise_rgb(processor: AlphaCLIPProcessor, rgb: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b 3 s s"]:
    """Normalise pictures of the model's size for a three-channel tower."""
    mean = rgb.new_tensor(processor.image_mean[:3])[:, None, None]
    std = rgb.new_tensor(processor.image_std[:3])[:, None, None]
    return (rgb - mean) / std


def tokenise(tokenizer: PreTrainedTokenizerFast, texts: list[str]) -> Tensor:
    """Token ids at the full context length, so that chunks can be joined."""
    encoded = tokenizer(texts, padding="max_length", max_length=CONTEXT_LENGTH, return_tensors="pt")
    ids = encoded["input_ids"]
    assert isinstance(ids, Tensor) and ids.shape[1] == CONTEXT_LENGTH
    return ids


def save_clip(clip: CLIPModel, tokenizer: PreTrainedTokenizerFast, processor: AlphaCLIPProcessor, folder: Path) -> None:
    """Write a CLIPModel, its tokenizer and a three-channel image processor, as stock transformers opens them."""
    plain = copy.deepcopy(clip)
    plain.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    stock = processor.to_stock()
    assert (processor.image_mean[3], processor.image_std[3]) == (ALPHA_MEAN, ALPHA_STD)
    stock.image_mean, stock.image_std = list(processor.image_mean[:3]), list(processor.image_std[:3])
    stock.save_pretrained(folder)


def name_embeddings(clip: CLIPModel, tokens: Int[Tensor, "c n"]) -> Float[Tensor, "c d"]:
    """Unit-length text embeddings."""
    tokens = trim(tokens).to(clip.logit_scale.device)
    output = clip.get_text_features(input_ids=tokens, attention_mask=tokens != PAD)
    return functional.normalize(_pooled(output), dim=-1)


def trim(tokens: Int[Tensor, "b n"]) -> Int[Tensor, "b m"]:
    """Cut off the positions that are padding in every row."""
    return tokens[:, : int((tokens != PAD).sum(-1).max())]


def rgb_encoder(clip: CLIPModel, processor: AlphaCLIPProcessor) -> EncodeRegion:
    """The plain encoder on pictures of its own size: it does not see alpha."""

    def encode(rgb: Tensor, alpha: Tensor) -> Tensor:
        pixels = normalise_rgb(processor, rgb).to(clip.logit_scale.device)
        return _pooled(clip.get_image_features(pixel_values=pixels))

    return encode


def _pooled(output: object) -> Tensor:
    pooled = getattr(output, "pooler_output", None)
    assert isinstance(pooled, Tensor)
    return pooled
