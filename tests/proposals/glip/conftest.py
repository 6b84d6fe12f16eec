"""What the authors' own GLIP answers on random weights, in float64: an independent witness.

Made by running microsoft/GLIP at 9dda955 (GLIP-T with early fusion, and GLIP-T (A) without, made narrow by their
settings; two pictures of different size in one padded batch). Halves are kept as their low and high bytes, which pack
better.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from gencontrol.proposals.glip.config import GlipConfig
from gencontrol.proposals.glip.model import Glip, GlipOutput
from gencontrol.proposals.glip.weights import from_published


@dataclass(frozen=True, kw_only=True)
class Case:
    """Weights in the authors' names, what went in, and what came out."""

    settings: dict[str, Any]
    """Words, caption, sizes."""
    state: dict[str, Tensor]
    """The authors' weights."""
    config: GlipConfig
    """Of the narrow model."""
    pixels: Tensor
    """Both pictures, padded."""
    expected: dict[str, Tensor]
    """The authors' answers."""

    @property
    def tokens(self) -> list[list[int]]:
        """The places of the phrases' tokens."""
        return [self.settings["positive_map"][str(number)] for number in range(1, 5)]


def _config(settings: dict[str, Any]) -> GlipConfig:
    swin, bert = settings["swin"], settings["bert"]
    return GlipConfig(
        swin_width=swin["embed_dim"],
        swin_depths=tuple(swin["depths"]),
        swin_heads=tuple(swin["num_heads"]),
        swin_window=swin["window_size"],
        words=len(settings["words"]),
        text_width=bert["hidden_size"],
        text_layers=bert["num_hidden_layers"],
        text_heads=bert["num_attention_heads"],
        text_mlp=bert["intermediate_size"],
        text_positions=bert["max_position_embeddings"],
        channels=settings["channels"],
        blocks=settings["blocks"],
        early_fusion=settings["early_fusion"],
    )


def _read(name: str) -> Case:
    with np.load(Path(__file__).with_name(name)) as file:
        stored = {name: file[name] for name in file.files}
    about = json.loads(stored.pop("about").tobytes())
    halves = np.stack([stored.pop("low"), stored.pop("high")], axis=1).view(np.float16)[:, 0]
    values = torch.from_numpy(halves.copy()).double()
    shapes = [*about["names"], ("image0", about["images"][0]), ("image1", about["images"][1])]
    parts = values.split([int(np.prod(shape)) for _, shape in shapes])
    state = {name: part.reshape(shape) for (name, shape), part in zip(shapes, parts, strict=True)}
    pixels = torch.zeros(2, 3, *about["settings"]["padded"], dtype=torch.float64)
    for number in range(2):
        image = state.pop(f"image{number}")
        pixels[number, :, : image.shape[1], : image.shape[2]] = image
    expected = {name: torch.from_numpy(value) for name, value in stored.items()}
    settings = about["settings"]
    return Case(settings=settings, state=state, config=_config(settings), pixels=pixels, expected=expected)


def _opened(case: Case) -> Glip:
    model = Glip(case.config).double().eval()
    model.load_state_dict(from_published(case.state))
    return model


def _answered(case: Case, model: Glip) -> GlipOutput:
    with torch.no_grad():
        return model(case.pixels, case.expected["input_ids"].long(), case.expected["attention_mask"].long())


@pytest.fixture(scope="session")
def case() -> Case:
    """The authors' answers."""
    return _read("fused.npz")


@pytest.fixture(scope="session")
def authors_glip(case: Case) -> Glip:
    """Ours with their weights, in float64."""
    return _opened(case)


@pytest.fixture(scope="session")
def output(case: Case, authors_glip: Glip) -> GlipOutput:
    """What ours says of the authors' pictures."""
    return _answered(case, authors_glip)


@pytest.fixture(scope="session")
def plain_case() -> Case:
    """The authors' answers without early fusion."""
    return _read("plain.npz")


@pytest.fixture(scope="session")
def plain_output(plain_case: Case) -> GlipOutput:
    """What ours says of those pictures."""
    return _answered(plain_case, _opened(plain_case))
