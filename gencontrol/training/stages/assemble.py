"""Put the four stages' exports together as one folder that stock diffusers and gencontrol open."""

import json
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers.models.autoencoders.autoencoder_kl import AutoencoderKL
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion_image_variation import (
    StableDiffusionImageVariationPipeline,
)
from diffusers.schedulers.scheduling_ddim import DDIMScheduler
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer, CLIPImageProcessor, CLIPModel
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, SAFE_WEIGHTS_NAME

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.towers import take_apart
from gencontrol.configuration import from_yaml, to_mapping
from gencontrol.errors import InputError
from gencontrol.files import atomic_folder, resolved
from gencontrol.sprites.catalog import credit_lines
from gencontrol.text_files import check_no_address, json_value
from gencontrol.training.loop.checkpoints import load_latest
from gencontrol.training.stages.registry import STAGES, preset_path

_log = logging.getLogger(__name__)

FILES = (
    *("*.json", "*.safetensors", "*.md", "clip/", "alpha_clip/"),
    *("unet/", "vae/", "scheduler/", "image_encoder/", "feature_extractor/"),
)
"""What an assembled folder holds; a folder with anything else in it is not replaced."""


REST = "model-without-vision.safetensors"
"""In `clip/`, what is stored there where the vision tower is stored once."""


@dataclass(frozen=True, kw_only=True)
class Exports:
    """Where the stages' results are: finished runs, or parts of a model that was assembled before."""

    clip: Path
    """Run of stage 1."""
    alpha_clip: Path
    """Run of stage 2."""
    autoencoder: Path
    """Run of stage 3."""
    denoiser: Path
    """Run of stage 4."""


def assemble(exports: Exports, folder: Path, *, dtype: torch.dtype = torch.float16, once: bool = False) -> None:
    """Write an image-variation pipeline with `clip/` and `alpha_clip/` beside it, and a card for each model.

    Args:
        exports: The finished runs.
        folder: Where to; replaced whole or not at all.
        dtype: Of the weights on disk; they are opened as float32.
        once: See `store_once`.

    Raises:
        InputError: A run that is not finished or whose log is damaged; or a folder that is, holds or lies in what is
            read.
    """
    for name in ("clip", "alpha_clip", "autoencoder", "denoiser"):
        _check_finished(getattr(exports, name), name)
        _check_apart(folder, getattr(exports, name), name)
    clip = exported(exports.clip)
    with atomic_folder(folder, ours=FILES) as temporary:
        build_pipeline(exports).to(dtype).save_pretrained(temporary)
        CLIPModel.from_pretrained(clip).to(dtype).save_pretrained(temporary / "clip")  # type: ignore[arg-type]
        AutoTokenizer.from_pretrained(clip).save_pretrained(temporary / "clip")
        CLIPImageProcessor.from_pretrained(clip).save_pretrained(temporary / "clip")
        AlphaCLIP.from_pretrained(exported(exports.alpha_clip), dtype=dtype).save_pretrained(temporary / "alpha_clip")
        for name, part in (
            ("clip", "clip"),
            ("alpha_clip", "alpha_clip"),
            ("autoencoder", "vae"),
            ("denoiser", "unet"),
        ):
            (temporary / part / "README.md").write_text(_card(name, getattr(exports, name)), encoding="utf-8")
        if once:
            store_once(temporary)


def store_once(folder: Path) -> None:
    """Keep the plain vision tower of an assembled model in `image_encoder/` alone, and name it in `clip/`'s index.

    transformers opens such a `clip/` as any that is in several files, as long as both folders stay beside each other on
    a disk; on a hub each folder needs its own.

    Args:
        folder: Whose `clip/` has the very tower of its `image_encoder/`.
    """
    there, here = folder / "image_encoder" / SAFE_WEIGHTS_NAME, folder / "clip" / SAFE_WEIGHTS_NAME
    shared, whole = load_file(there), load_file(here)
    assert all(torch.equal(values, whole[name]) for name, values in shared.items())
    rest = {name: values for name, values in whole.items() if name not in shared}
    files = {name: f"../image_encoder/{there.name}" for name in shared} | dict.fromkeys(rest, REST)
    size = sum(values.numel() * values.element_size() for values in whole.values())
    save_file(rest, here.with_name(REST), metadata={"format": "pt"})
    index = {"metadata": {"total_size": size}, "weight_map": dict(sorted(files.items()))}
    here.with_name(SAFE_WEIGHTS_INDEX_NAME).write_text(json.dumps(index, indent=1) + "\n", encoding="utf-8")
    here.unlink()


def build_pipeline(exports: Exports) -> StableDiffusionImageVariationPipeline:
    """The stock pipeline on the plain CLIP's vision tower, without safety checker (it draws emoji)."""
    vae = AutoencoderKL.from_pretrained(exported(exports.autoencoder))
    unet = UNet2DConditionModel.from_pretrained(exported(exports.denoiser) / "unet")
    for part in (vae, unet):
        # diffusers would write down where on this machine it was read.
        part.register_to_config(_name_or_path="")
    return StableDiffusionImageVariationPipeline(
        vae=vae,
        image_encoder=take_apart(CLIPModel.from_pretrained(exported(exports.clip)))[0],
        unet=unet,
        scheduler=DDIMScheduler.from_pretrained(exported(exports.denoiser) / "scheduler"),  # type: ignore[arg-type]
        safety_checker=None,  # type: ignore[arg-type]
        feature_extractor=CLIPImageProcessor.from_pretrained(exported(exports.clip)),
        requires_safety_checker=False,
    )


def exported(result: Path) -> Path:
    """The folder of a stage's weights: a run's export, or the part of an assembled model itself."""
    export = result / "export"
    return export if export.is_dir() else result


def run_facts(stage: str, run: Path) -> dict[str, Any]:
    """What a card tells of a run: its settings, the hours, and the figures of its last evaluation."""
    checkpoint = load_latest(run / "checkpoints")
    if checkpoint is None:
        raise InputError(f"{run} holds no checkpoint, so nothing is known of how it was trained.")
    last = _last_line(run / "log.jsonl")
    settings = checkpoint.facts["config"]
    figures = {k: round(v, 4) for k, v in last.items() if ("/" in k or k == "psnr") and isinstance(v, int | float)}
    return {
        "settings": settings,
        "changes": changes(stage, checkpoint.facts.get("stage", {})),
        "hours": round(checkpoint.facts["seconds"] / 3600, 2),
        "figures": figures,
    }


def _last_line(path: Path) -> dict[str, Any]:
    """The last whole line of a log; one that a killed process left half written is passed over.

    Raises:
        InputError: No file that can be read, or none of its lines is whole.
    """
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): a card needs the figures in it.") from error
    for line in reversed(lines):
        try:
            found = json_value(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return found
    raise InputError(f"{path} is damaged: none of its lines is a whole record. A card needs the figures in it.")


def changes(stage: str, settings: Mapping[str, Any]) -> list[str]:
    """The settings of a stage that are not its preset's, as `--set` takes them."""
    known = STAGES[stage.replace("_", "-")]
    preset = to_mapping(from_yaml(known.config, preset_path(known)))
    return [f"{key}={value}" for key, value in settings.items() if key != "run" and preset.get(key) != value]


def model_card(stage: str, facts: Mapping[str, Any]) -> str:
    """A model card: data and credits, licence, command, seed, hours, figures."""
    settings = facts["settings"]
    figures = "\n".join(f"- {name}: {value}" for name, value in facts["figures"].items()) or "- none"
    command = f"gencontrol train {stage.replace('_', '-')}"
    preset = "the shipped preset" + "".join(f", {change}" for change in facts["changes"])
    return f"""---
license: cc-by-4.0
---
# gencontrol: {stage.replace("_", " ")}

A part of a small image-variation model. It knows the sprite world: drawings of a few hundred things with names,
composed on varied backgrounds; nothing else.

Trained by `{command}` with {preset}, seed {settings["seed"]}: {settings["steps"]} steps of
{settings["batch"]} samples in {facts["hours"]} hours.

Last evaluation, on the test split:
{figures}

Drawings, changed by rasterising, turning, scaling and colouring; the licence asks to credit:
{credit_lines()}
"""


def _card(name: str, result: Path) -> str:
    """The card of a run, or the one that an assembled part carries."""
    if (result / "export").is_dir():
        return model_card(name, run_facts(name, result))
    return _kept_card(result).read_text(encoding="utf-8")


def _kept_card(part: Path) -> Path:
    unet = part / "unet" / "README.md"
    return unet if unet.is_file() else part / "README.md"


def _check_apart(folder: Path, result: Path, name: str) -> None:
    """Nothing that is read is replaced, not even by what is made of it."""
    place, read = resolved(folder), resolved(result)
    if read.is_relative_to(place) or place.is_relative_to(read):
        how = "is" if read == place else "holds" if read.is_relative_to(place) else "lies in"
        raise InputError(f"{folder} {how} {read}, which is read as `{name}`: name a folder of its own.")


def _check_finished(result: Path, name: str) -> None:
    check_no_address(result, what="the folder of a finished run")
    if not (result / "export").is_dir() and not _kept_card(result).is_file():
        raise InputError(
            f"{name}: {result} is neither a finished run (it has no export; `gencontrol train` goes on with it) nor a "
            "part of an assembled model (it has no card)."
        )
