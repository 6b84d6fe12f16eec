"""`gencontrol doctor`: versions, devices, what is missing and how to get it."""

import importlib.metadata
import importlib.util
import os
import platform
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from gencontrol import __version__
from gencontrol.cli.flags import FormatOptions
from gencontrol.cli.parse import parse
from gencontrol.cli.report import print_json, table
from gencontrol.nerf.export.ffmpeg import brought_ffmpeg

REQUIRED = ("torch", "torchvision", "transformers", "diffusers", "accelerate", "open_clip_torch", "safetensors")
"""Distributions without which nothing works."""
OPTIONAL: dict[str, tuple[str, str]] = {
    "peft": ("LoRA training", "pip install 'gencontrol[train]'"),
    "resvg-py": ("rasterising the sprite world", "pip install 'gencontrol[train]'"),
    "tensorboard": ("curves while training", "pip install 'gencontrol[train]'"),
    "nerfstudio": ("ns-train alphaclip-nerf (Python 3.11 or 3.12)", "pip install 'gencontrol[nerf]'"),
    "trimesh": ("gencontrol nerf export", "pip install 'gencontrol[nerf]'"),
    "av": ("gencontrol nerf render to video", "pip install 'gencontrol[nerf]'"),
    "tinycudann": ("hash-grid fields on CUDA", "see the tiny-cuda-nn project; never required"),
}
"""Distribution -> what it is for, and how to get it."""
PROGRAMS: dict[str, tuple[str, str]] = {
    "npm": ("gencontrol data sprites", "install Node.js, or use --from FOLDER"),
    "ffmpeg": ("nerfstudio's ns-render", "pip install imageio-ffmpeg, or use gencontrol nerf render, which needs none"),
}
"""External program -> what it is for, and how to get it."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One line of the report."""

    name: str
    """What was looked for."""
    state: str
    """A version, a value, or "missing"."""
    hint: str = ""
    """What it is for and how to get it, where it is missing."""
    ok: bool = True
    """False if gencontrol does not work without it."""


def main(arguments: Sequence[str]) -> int:
    """Report, and return 1 if something required is missing."""
    options = parse(
        FormatOptions,
        arguments,
        command="doctor",
        description="Versions, devices, what is missing and how to get it.",
    )
    findings = examine()
    if options.format == "json":
        print_json({f.name: {"state": f.state, "hint": f.hint, "ok": f.ok} for f in findings})
    else:
        print(table([(f.name, f.state, f.hint) for f in findings], header=("what", "state", "")))
    return 0 if all(f.ok for f in findings) else 1


def examine() -> list[Finding]:
    """Everything that `doctor` looks at."""
    return [
        Finding(name="gencontrol", state=__version__),
        Finding(name="python", state=f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
        *(_distribution(name) for name in REQUIRED),
        *_devices(),
        _embedded(),
        _network(),
        *(_optional(name, *about) for name, about in OPTIONAL.items()),
        *(_program(name, *about) for name, about in PROGRAMS.items()),
    ]


def _distribution(name: str) -> Finding:
    version = _version(name)
    if version is None:
        return Finding(name=name, state="missing", hint=f"pip install {name}", ok=False)
    return Finding(name=name, state=version)


def _optional(name: str, use: str, get: str) -> Finding:
    version = _version(name)
    return Finding(name=name, state=version or "missing", hint="" if version else f"for {use}: {get}")


def _program(name: str, use: str, get: str) -> Finding:
    there = shutil.which(name)
    if not there and name == "ffmpeg" and brought_ffmpeg() is not None:
        return Finding(name=name, state="found (imageio-ffmpeg's)")
    return Finding(name=name, state="found" if there else "missing", hint="" if there else f"for {use}: {get}")


def _version(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None


def _devices() -> list[Finding]:
    if importlib.util.find_spec("torch") is None:
        return []
    from gencontrol.runs.machine.devices import devices

    return [Finding(name="devices", state=", ".join(devices()))]


def _embedded() -> Finding:
    from gencontrol.cli.models import state_of
    from gencontrol.models.registry import PRESETS

    state = state_of(PRESETS["tiny"])
    hint = "" if state == "here" else "this build has no weights; give --model another preset, a hub id or a folder"
    return Finding(name="model tiny", state=state, hint=hint)


def _network() -> Finding:
    offline = os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "TRUE", "YES", "ON")
    return Finding(name="hub", state="offline (HF_HUB_OFFLINE)" if offline else "used unless --offline is given")
