"""What hosts.ipynb draws with: each stock pipeline on small random components, built as the tests build them."""

from collections.abc import Mapping
from dataclasses import replace
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from diffusers.guiders.classifier_free_guidance import ClassifierFreeGuidance
from diffusers.pipelines.flux.pipeline_flux_kontext import FluxKontextPipeline
from PIL import Image

from gencontrol.pipelines import REFERENCE_HOSTS, ReferenceHost
from gencontrol.regions import Geometry

SIDES = {
    "flux-ip": 16,
    "flux-ip-v2": 16,
    "flux-redux": 16,
    "flux-kontext": 16,
    "flux2": 16,
    "flux2-klein": 16,
    "sd35-ip": 16,
}
"""Of the output in pixels, where it is not 64."""


def built_in(name: str) -> ModuleType:
    """A file of tests/pipelines/references."""
    folder = Path(__file__).parents[1] / "tests" / "pipelines" / "references"
    spec = spec_from_file_location(name, folder / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def build(name: str) -> Any:
    """The stock pipeline of a host, with its adapter loaded."""
    hosts, further = built_in("_hosts"), built_in("_further_hosts")
    if name.startswith(("sd15", "sdxl")):
        return (hosts.sdxl if "sdxl" in name else hosts.sd15)(plus="plus" in name)
    builders = {
        "kolors-ip-plus": hosts.kolors,
        "flux-ip": lambda: hosts.flux(with_adapter=True),
        "flux-ip-v2": lambda: hosts.flux(with_adapter=True, tokens=16, joint_attention_dim=4096),
        "flux-redux": lambda: hosts.flux(joint_attention_dim=4096, pooled_projection_dim=768),
        "flux-kontext": lambda: hosts.flux(FluxKontextPipeline),
        "flux2": lambda: further.flux2(hosts),
        "flux2-klein": lambda: further.flux2(hosts, klein=True),
        "sd35-ip": lambda: further.sd3(hosts),
        "kandinsky-2.1": lambda: further.kandinsky(hosts, old=True),
        "kandinsky-2.2": lambda: further.kandinsky(hosts),
        "karlo": lambda: further.karlo(hosts),
    }
    return builders[name]()


def build_two() -> Any:
    """Stable Diffusion 1.5 with a base adapter and a plus one."""
    hosts = built_in("_hosts")
    pipe = hosts.sd15(plus=False)
    both = [hosts.adapter(pipe.unet, made()) for made in (hosts.base_projection, hosts.plus_projection)]
    pipe.load_ip_adapter(both, subfolder=["", ""], weight_name=["", ""], image_encoder_folder=None)
    return pipe


def stock_parts(pipe: Any) -> dict[str, Any]:
    """What a modular SDXL is made of."""
    names = ("unet", "vae", "scheduler", "image_encoder")
    return {name: getattr(pipe, name) for name in names} | {"guider": ClassifierFreeGuidance(guidance_scale=5.0)}


def modular_settings() -> dict[str, Any]:
    """The same as `call_settings`, for modular SDXL."""
    return call_settings("sdxl-ip-plus") | {"output": "images"}


def encoder(name: str) -> Any:
    """What embeds references for a host whose stock pipeline holds no encoder."""
    hosts = built_in("_hosts")
    return built_in("_further_hosts").redux_prior(hosts) if name == "flux-redux" else hosts.clip_tower()


def record(name: str) -> ReferenceHost:
    """A host's record at the small widths and sizes; with published weights, its name is all that is needed."""
    hosts, known = built_in("_hosts"), REFERENCE_HOSTS[name]
    if known.takes == "picture":
        sizes = {"resolutions": ((16, 16),)} if known.resolutions else {"most_pixels": 64 * 64}
        return replace(known, grid=2, **sizes)
    width = hosts.EMBED if known.takes == "embedding" else hosts.WIDTH
    return replace(known, width=width, geometry=Geometry(size=hosts.SIZE, fit=known.geometry.fit), grid=2)


def call_settings(name: str) -> dict[str, Any]:
    """Everything of the call that is not about the reference; embeddings stand for the prompt."""
    noise, side = built_in("_hosts").noise, SIDES.get(name, 64)
    seed = torch.Generator().manual_seed(0)
    if name == "karlo":
        return {"generator": seed, "decoder_num_inference_steps": 2, "super_res_num_inference_steps": 2}
    settings: dict[str, Any] = {"generator": seed, "num_inference_steps": 2, "height": side, "width": side}
    if name.startswith("kandinsky"):
        return settings | ({"prompt": "a cup"} if name == "kandinsky-2.1" else {})
    if name.startswith("flux2"):
        away = {"negative_prompt_embeds": noise(1, 7, 16, seed=2)} if name == "flux2-klein" else {}
        return settings | {"prompt_embeds": noise(1, 7, 16, seed=1)} | away
    wide = {"kolors-ip-plus": 40, "flux-ip-v2": 4096}.get(name, 32)
    settings["prompt_embeds"] = noise(1, 7, wide, seed=1)
    if not name.startswith("flux"):
        settings["negative_prompt_embeds"] = noise(1, 7, wide, seed=2)
    pooled = {"sdxl": 32, "kolors": 40, "sd35": 64, "flux": 32}
    width = next((pooled[kind] for kind in pooled if name.startswith(kind)), None)
    if width is not None:
        settings["pooled_prompt_embeds"] = noise(1, width, seed=3)
    if name.startswith(("sdxl", "kolors", "sd35")):
        settings["negative_pooled_prompt_embeds"] = noise(1, width, seed=4)
    if name == "flux-kontext":
        # The small pictures are none of the model's own resolutions.
        settings["_auto_resize"] = False
    return settings


def enlarged(picture: Image.Image, side: int = 128) -> Image.Image:
    """A small picture, its pixels seen."""
    return picture.resize((side, side), Image.Resampling.NEAREST)


def said(made: Mapping[str, Any]) -> None:
    """Print what a stock call is given: names, and shapes of tensors."""
    for name, value in made.items():
        print(f"{name}: {_shown(value)}")


def _shown(value: Any) -> str:
    if isinstance(value, torch.Tensor):
        return str(tuple(value.shape))
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_shown(inner)}" for key, inner in value.items())
    if isinstance(value, list):
        return f"[{', '.join(_shown(inner) for inner in value)}]"
    if isinstance(value, Image.Image):
        return f"a picture, {value.width} x {value.height}"
    return "a function" if callable(value) else str(value)
