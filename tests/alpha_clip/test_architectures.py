import pytest
import torch
from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection

from gencontrol.alpha_clip.architectures import (
    ARCHITECTURES,
    architecture_name,
    find_architecture,
    name_of,
    square,
    text_config,
    vision_config,
)
from gencontrol.errors import ConfigError

# Parameters of both towers of OpenAI's CLIPs, in millions, as their model cards and OpenCLIP's tables state them.
MILLIONS = {"ViT-B/32": 151.28, "ViT-B/16": 149.62, "ViT-L/14": 427.62, "ViT-L/14@336": 427.94, "ViT-H/14": 986.11}


@pytest.mark.parametrize(("name", "millions"), MILLIONS.items())
def test_sizes_are_the_published_ones(name: str, millions: float) -> None:
    with torch.device("meta"):
        towers = [
            CLIPVisionModelWithProjection(vision_config(name, channels=3)),
            CLIPTextModelWithProjection(text_config(name)),
        ]
    count = sum(p.numel() for tower in towers for p in tower.parameters())
    assert (count + 1) / 1e6 == pytest.approx(millions, abs=0.01)


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_configurations_fit_together_and_are_recognised(name: str) -> None:
    vision, text = vision_config(name), text_config(name)
    assert vision.num_channels == 4
    assert vision.projection_dim == text.projection_dim == find_architecture(name).embed
    assert name_of(vision) == name
    assert text.eos_token_id == 49407


def test_other_shapes_are_described() -> None:
    assert architecture_name(width=32, layers=2, patch=16, image=64) == "ViT of width 32, 2 layers, patch 16, 64 px"


def test_unknown_name_names_the_nearest() -> None:
    with pytest.raises(ConfigError, match="'ViT-L14'; did you mean 'ViT-L/14'"):
        find_architecture("ViT-L14")


def test_square_refuses_a_rectangle() -> None:
    config = vision_config("ViT-B/32")
    assert square(config) == (224, 32)
    config.image_size = [224, 112]
    with pytest.raises(ConfigError, match=r"square images.*\[224, 112\]"):
        square(config)


def test_published_bases_are_openais() -> None:
    bases = {n: a.base for n, a in ARCHITECTURES.items() if a.base}
    assert bases["ViT-L/14@336"] == "openai/clip-vit-large-patch14-336"
    assert set(bases) == {"ViT-B/32", "ViT-B/16", "ViT-L/14", "ViT-L/14@336"}
