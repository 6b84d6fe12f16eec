"""The stages by name: their settings, their presets, and how each is put together from what earlier ones saved."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from accelerate import Accelerator
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import save
from torch import Tensor, nn

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.siglip import AlphaSigLIP
from gencontrol.alpha_clip.siglip_files import is_siglip
from gencontrol.errors import ConfigError
from gencontrol.files import sha256
from gencontrol.models.location import Location
from gencontrol.models.registry import resolve_encoder
from gencontrol.sprites.captions import concept_prompts
from gencontrol.sprites.store import SpriteStore, open_store
from gencontrol.training.data.folder_pairs import FolderPairs, read_listing
from gencontrol.training.data.latents import draw_test_samples, open_cache, prepare_cache
from gencontrol.training.data.pairs import PairSource, SpritePairs
from gencontrol.training.data.variations import CachedLook, Look, strategy_of
from gencontrol.training.loop.checkpoints import list_checkpoints
from gencontrol.training.loop.task import Task
from gencontrol.training.stages.alpha_clip import AlphaClipTask, AlphaClipTraining
from gencontrol.training.stages.alpha_siglip import AlphaSiglipTask
from gencontrol.training.stages.autoencoder import AutoencoderTask, AutoencoderTraining, encode
from gencontrol.training.stages.clip import ClipTask, ClipTraining
from gencontrol.training.stages.denoiser import DenoiserTask, DenoiserTraining
from gencontrol.training.stages.graded import graded_set
from gencontrol.training.stages.language import LanguageTask, LanguageTraining
from gencontrol.training.stages.language_data import build_language_task
from gencontrol.training.stages.moving import map_between, moved
from gencontrol.training.stages.one_pass import OnePassTask, OnePassTraining
from gencontrol.training.stages.one_pass_data import build_one_pass_task
from gencontrol.training.stages.proposing.grounder import GrounderTask, GrounderTraining
from gencontrol.training.stages.proposing.opening import build_grounder_task, build_segmenter_task
from gencontrol.training.stages.proposing.segmenter import SegmenterTask, SegmenterTraining
from gencontrol.training.stages.recognition import RecognitionSet, recognition_sets
from gencontrol.training.stages.relations import RelationTask, RelationTraining
from gencontrol.training.stages.relations_data import build_relation_task


@dataclass(frozen=True, kw_only=True)
class Places:
    """Where a stage finds its data; not part of what is trained."""

    folder: Path
    """The run's own folder."""
    sprites: Path
    """The prepared sprite store."""
    pairs: Path | None = None
    """A folder of region-text pairs, instead of the sprite world."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """One stage of training."""

    config: type
    """The class of its settings, with a field `run`."""
    preset: str
    """Its preset below `gencontrol.configs`."""
    build: Callable[[Any, Places], Task]
    """From settings and places to what the loop trains."""


def preset_path(stage: Stage) -> Path:
    """The stage's shipped settings."""
    return Path(str(files("gencontrol.configs"))) / "train" / stage.preset


def settings_path(named: Path | None, stage: Stage) -> Path:
    """The file that `named` is; failing that, the shipped preset of that name; the stage's own by default."""
    if named is None:
        return preset_path(stage)
    shipped = preset_path(stage).parent / f"{named}.yaml"
    return shipped if shipped.is_file() and not named.exists() else named


def build_clip_task(config: ClipTraining, places: Places) -> ClipTask:
    """Stage 1 on the sprite world."""
    return ClipTask(config, open_store(places.sprites), device=Accelerator().device)


def build_alpha_clip_task(config: AlphaClipTraining, places: Places) -> AlphaClipTask:
    """Stage 2 on the sprite world, or on a folder of pairs.

    Raises:
        ConfigError: No base, or a folder that is not there.
    """
    if not config.base:
        raise ConfigError("base: name the plain CLIP to start from (a folder or hub id).")
    _check_there(config, "base")
    encoder = open_base(config.base)
    make = AlphaSiglipTask if isinstance(encoder, AlphaSigLIP) else AlphaClipTask
    # The frozen towers make the texts and the anchors of every step: where the training is.
    encoder = encoder.to(Accelerator().device)
    encoder.vision.set_attn_implementation("eager")  # For the anchor's embeddings, as in training.
    if places.pairs:
        source = folder_source(config, encoder, places.pairs)
        task = make(config, encoder, source)
        task.check_captions(source.texts)
        return task
    store = open_store(places.sprites)
    source, names, tests = sprite_source(config, encoder, store)
    size = encoder.processor.geometry.size
    dials = [graded_set(store, sprites=n, size=size) for n in (2, 3)] if config.graded else []
    return make(config, encoder, source, names=names, tests=tests, dials=dials)


def _check_there(config: AlphaClipTraining | DenoiserTraining, *settings: str) -> None:
    """Refuse folders that are not there by the settings that name them, as presets name what earlier stages export."""
    for setting in settings:
        name = getattr(config, setting)
        # A hub id begins with a letter or digit, and has one slash at most.
        if name.startswith(("/", ".", "~")) or name.count("/") > 1:
            if not Path(name).exists():
                told = f"--set {setting}=FOLDER_OR_ID names another"
                raise ConfigError(f"{setting}: no folder at {name}, such as an earlier stage exports; {told}.")


def open_base(base: str) -> AlphaCLIP | AlphaSigLIP:
    """A plain CLIP or SigLIP with an alpha channel of zero weights, by what its settings say that it is.

    Raises:
        CheckpointError: Nothing there, or neither of the two.
    """
    place, inside = resolve_encoder(base, has_alpha=False)
    if is_siglip(Location(name=place, subfolder=inside).settled()):
        return AlphaSigLIP.from_siglip(place, subfolder=inside)
    return AlphaCLIP.from_clip(base)


def folder_source(config: AlphaClipTraining, encoder: AlphaCLIP | AlphaSigLIP, folder: Path) -> FolderPairs:
    """Pairs from a folder, padded to the encoder's size."""
    return FolderPairs(
        folder=folder,
        pairs=read_listing(folder),
        size=encoder.processor.geometry.size,
        seed=config.run.seed,
        whole_share=config.whole_share,
        alpha_kinds=config.alpha_kinds,
    )


def sprite_source(
    config: AlphaClipTraining, encoder: AlphaCLIP | AlphaSigLIP, store: SpriteStore
) -> tuple[PairSource, list[str], list[RecognitionSet]]:
    """Pairs from composed scenes, all names, and the test sets."""
    source = SpritePairs(
        store=store.to(encoder.device),
        scenes=config.scenes,
        seed=config.run.seed,
        whole_share=config.whole_share,
        alpha_kinds=config.alpha_kinds,
        with_alone=config.anchor > 0,
        graded=config.graded,
        blanked=config.blanked,
    )
    tests = recognition_sets(store, size=encoder.processor.geometry.size)
    return source, concept_prompts(store.concepts), tests


def build_autoencoder_task(config: AutoencoderTraining, places: Places) -> AutoencoderTask:
    """Stage 3 on the sprite world."""
    return AutoencoderTask(config, open_store(places.sprites), device=Accelerator().device)


def build_denoiser_task(config: DenoiserTraining, places: Places) -> DenoiserTask:
    """Stage 4; prepares the cache of latents and embeddings first.

    Raises:
        ConfigError: No CLIP or no autoencoder, or a folder that is not there.
    """
    if not config.clip or not config.autoencoder:
        raise ConfigError("clip, autoencoder: name the folders that the earlier stages exported.")
    _check_there(config, "clip", "alpha_clip", "autoencoder")
    # Not a PartialState: that would start without what ACCELERATE_USE_CPU says, and each process alone.
    accelerator = Accelerator()
    store = open_store(places.sprites).to(accelerator.device)
    towers = {name: tower.to(accelerator.device) for name, tower in denoiser_towers(config).items()}
    looks = embedders(config.cache.looks, towers)
    autoencoder = AutoencoderKL.from_pretrained(config.autoencoder).to(accelerator.device)

    def to_latents(rgb: Tensor) -> Tensor:
        return encode(autoencoder, rgb * 2 - 1).mean

    prepare_cache(
        config.cache,
        store,
        to_latents=to_latents,
        looks=looks,
        folder=places.folder / "cache",
        made_with={"sprites": sha256(places.sprites), "autoencoder": digest(autoencoder)}
        | {name: digest(tower) for name, tower in towers.items()},
        share=slice(accelerator.process_index, None, accelerator.num_processes),
    )
    accelerator.wait_for_everyone()
    test = draw_test_samples(config.cache, store, to_latents=to_latents, looks=looks)
    # A run that goes on has its own weights: the map, minutes of looks, would be fitted for nothing.
    is_begun = bool(list_checkpoints(places.folder / "checkpoints"))
    first = moved_start(config, store, looks) if config.start_clip and not is_begun else None
    cache = open_cache(config.cache, places.folder / "cache")
    return DenoiserTask(config, cache, autoencoder.cpu(), test, first=first)


def moved_start(config: DenoiserTraining, store: SpriteStore, looks: Sequence[Look]) -> UNet2DConditionModel:
    """The denoiser to start from, moved from its own encoder's embeddings to the new one's.

    Looks of an Alpha-CLIP are near the plain CLIP's of the thing alone, which is what it was anchored to: so the old
    plain CLIP takes the same looks.
    """
    old = AlphaCLIP.from_clip(config.start_clip).to(store.device)
    plain = embedders(config.cache.looks, {"clip": old, "alpha_clip": old})
    unet = UNet2DConditionModel.from_pretrained(config.start, subfolder="unet")
    return moved(unet, map_between(config.cache, store, new=looks, old=plain))


def digest(module: nn.Module) -> str:
    """SHA-256 of a network's weights, in hexadecimal."""
    state = {name: values.detach().cpu().contiguous() for name, values in module.state_dict().items()}
    return hashlib.sha256(save(state)).hexdigest()


def denoiser_towers(config: DenoiserTraining) -> dict[str, AlphaCLIP]:
    """The encoders whose looks condition, by name: those that the cache's looks ask for.

    Raises:
        ConfigError: An Alpha-CLIP is asked for and none is named.
    """
    asked = {look.tower for look in config.cache.looks}
    if "alpha_clip" in asked and not config.alpha_clip:
        raise ConfigError("alpha_clip: name the folder of the Alpha-CLIP that cache.looks ask for.")
    towers = {"clip": AlphaCLIP.from_clip(config.clip)} if "clip" in asked else {}
    return towers | ({"alpha_clip": AlphaCLIP.from_pretrained(config.alpha_clip)} if "alpha_clip" in asked else {})


def embedders(looks: Sequence[CachedLook], towers: Mapping[str, AlphaCLIP]) -> list[Look]:
    """What each view of each look makes of scenes."""
    return [_embedder(look, towers[look.tower]) for look in looks for _ in range(look.views)]


def _embedder(look: CachedLook, tower: AlphaCLIP) -> Look:
    focus = strategy_of(look)
    return lambda rgb, alpha: focus.embed(tower, rgb, alpha)


def build_relations(config: RelationTraining, places: Places) -> RelationTask:
    """The relation module on staged scenes; draws its samples first."""
    return build_relation_task(config, folder=places.folder, sprites=places.sprites)


def build_one_pass(config: OnePassTraining, places: Places) -> OnePassTask:
    """Several regions in one pass, on the sprite world or on a folder of pairs."""
    return build_one_pass_task(config, folder=places.folder, sprites=places.sprites, pairs=places.pairs)


def build_language(config: LanguageTraining, places: Places) -> LanguageTask:
    """The language head on composed scenes; draws and sees them first."""
    return build_language_task(config, folder=places.folder, sprites=places.sprites)


def build_grounder(config: GrounderTraining, places: Places) -> GrounderTask:
    """The grounder, on composed scenes."""
    return build_grounder_task(config, sprites=places.sprites)


def build_segmenter(config: SegmenterTraining, places: Places) -> SegmenterTask:
    """The segmenter, on composed scenes."""
    return build_segmenter_task(config, sprites=places.sprites)


STAGES: dict[str, Stage] = {
    "clip": Stage(config=ClipTraining, preset="clip.yaml", build=build_clip_task),
    "alpha-clip": Stage(config=AlphaClipTraining, preset="alpha_clip.yaml", build=build_alpha_clip_task),
    "autoencoder": Stage(config=AutoencoderTraining, preset="autoencoder.yaml", build=build_autoencoder_task),
    "denoiser": Stage(config=DenoiserTraining, preset="denoiser.yaml", build=build_denoiser_task),
    "relations": Stage(config=RelationTraining, preset="relations.yaml", build=build_relations),
    "one-pass": Stage(config=OnePassTraining, preset="one_pass.yaml", build=build_one_pass),
    "language": Stage(config=LanguageTraining, preset="language.yaml", build=build_language),
    "grounder": Stage(config=GrounderTraining, preset="grounder.yaml", build=build_grounder),
    "segmenter": Stage(config=SegmenterTraining, preset="segmenter.yaml", build=build_segmenter),
}
"""In the order of training."""
