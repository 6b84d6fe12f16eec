"""The shapes of the CLIPs that this package names, and the configurations that follow from them."""

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from transformers import CLIPTextConfig, CLIPVisionConfig, SiglipVisionConfig

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class Architecture:
    """One CLIP's shape: a vision tower, and the text tower that goes with it."""

    width: int
    """Width of the vision tower."""
    layers: int
    """Blocks of the vision tower."""
    heads: int
    """Attention heads of the vision tower."""
    mlp: int
    """Hidden width of the vision tower's perceptrons."""
    patch: int
    """Side of a patch in pixels."""
    image: int
    """Side of the input in pixels."""
    embed: int
    """Width of the embedding that both towers share."""
    text_width: int
    """Width of the text tower; its perceptrons are four times as wide."""
    text_layers: int
    """Blocks of the text tower."""
    text_heads: int
    """Attention heads of the text tower."""
    activation: str = "quick_gelu"
    """OpenAI trained with "quick_gelu"; LAION's H and bigG use "gelu"."""
    base: str | None = None
    """Hub id of OpenAI's CLIP of this shape."""


_B32 = Architecture(
    width=768,
    layers=12,
    heads=12,
    mlp=3072,
    patch=32,
    image=224,
    embed=512,
    text_width=512,
    text_layers=12,
    text_heads=8,
    base="openai/clip-vit-base-patch32",
)
_B16 = dataclasses.replace(_B32, patch=16, base="openai/clip-vit-base-patch16")
_L14 = Architecture(
    width=1024,
    layers=24,
    heads=16,
    mlp=4096,
    patch=14,
    image=224,
    embed=768,
    text_width=768,
    text_layers=12,
    text_heads=12,
    base="openai/clip-vit-large-patch14",
)
_H14 = Architecture(
    width=1280,
    layers=32,
    heads=16,
    mlp=5120,
    patch=14,
    image=224,
    embed=1024,
    text_width=1024,
    text_layers=24,
    text_heads=16,
    activation="gelu",
)
_BIGG14 = Architecture(
    width=1664,
    layers=48,
    heads=16,
    mlp=8192,
    patch=14,
    image=224,
    embed=1280,
    text_width=1280,
    text_layers=32,
    text_heads=20,
    activation="gelu",
)

ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "ViT-B/32": _B32,
        "ViT-B/16": _B16,
        "ViT-L/14": _L14,
        "ViT-L/14@336": dataclasses.replace(_L14, image=336, base="openai/clip-vit-large-patch14-336"),
        "ViT-H/14": _H14,
        "ViT-bigG/14": _BIGG14,
    }
)


def find_architecture(name: str) -> Architecture:
    """The architecture called `name`.

    Raises:
        ConfigError: No architecture has that name.
    """
    if name not in ARCHITECTURES:
        raise ConfigError(f"Unknown architecture {name!r}{nearest(name, ARCHITECTURES)}")
    return ARCHITECTURES[name]


def vision_config(name: str, *, channels: int = 4) -> CLIPVisionConfig:
    """The vision tower's configuration of a named architecture."""
    shape = find_architecture(name)
    return CLIPVisionConfig(
        hidden_size=shape.width,
        intermediate_size=shape.mlp,
        projection_dim=shape.embed,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_channels=channels,
        image_size=shape.image,
        patch_size=shape.patch,
        hidden_act=shape.activation,
    )


def text_config(name: str) -> CLIPTextConfig:
    """The text tower's configuration of a named architecture."""
    shape = find_architecture(name)
    return CLIPTextConfig(
        hidden_size=shape.text_width,
        intermediate_size=4 * shape.text_width,
        projection_dim=shape.embed,
        num_hidden_layers=shape.text_layers,
        num_attention_heads=shape.text_heads,
        hidden_act=shape.activation,
    )


def architecture_name(*, width: int, layers: int, patch: int, image: int) -> str:
    """The name of the vision tower of that shape, or the shape in words when it has none."""
    for name, shape in ARCHITECTURES.items():
        if (shape.width, shape.layers, shape.patch, shape.image) == (width, layers, patch, image):
            return name
    return f"ViT of width {width}, {layers} layers, patch {patch}, {image} px"


def name_of(config: CLIPVisionConfig) -> str:
    """The architecture's name of a vision tower's configuration, or its shape in words."""
    image, patch = square(config)
    return architecture_name(width=config.hidden_size, layers=config.num_hidden_layers, patch=patch, image=image)


def square(config: CLIPVisionConfig | SiglipVisionConfig) -> tuple[int, int]:
    """Side of the input and side of a patch, in pixels.

    Raises:
        ConfigError: A tower whose input or patches are not square.
    """
    image, patch = config.image_size, config.patch_size
    if not (isinstance(image, int) and isinstance(patch, int)):
        raise ConfigError(f"Expected square images and patches, got image_size {image} and patch_size {patch}.")
    return image, patch
