"""Kandinsky's texts: what the stock prior makes of one, mixed with the part of a picture."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from gencontrol.errors import CheckpointError, InputError, PairingError
from gencontrol.models.location import Location
from gencontrol.pipelines import Drawing, RegionReference, draw_references, open_reference_host, region_arguments
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.stock.opening import OpenedHost
from gencontrol.pipelines.stock.priors import check_text_prior, embed_text, is_mixed, open_text_prior
from gencontrol.regions.shapes import box_alpha

Folder = Callable[[str], Path]
HALF = box_alpha((0, 0, 16, 32), (32, 32))
OLD, NEW = "kandinsky-2.1", "kandinsky-2.2"
SIZE: dict[str, Any] = {"height": 64, "width": 64, "steps": 2}


@pytest.fixture(scope="module", params=[OLD, NEW])
def case(request: pytest.FixtureRequest, reference_folder: Folder) -> tuple[Path, OpenedHost]:
    """A host's folder, and it opened with its prior, whose vision tower is taken."""
    folder = reference_folder(request.param)
    opened = open_reference_host(request.param, base=folder / "base", prior=folder / "prior")
    opened.pipeline.set_progress_bar_config(disable=True)
    return folder, opened


@pytest.fixture
def reference(reference_builders: ModuleType) -> RegionReference:
    return RegionReference(image=reference_builders.picture(), mask_image=HALF)


def test_a_text_is_what_the_stock_prior_makes_of_it(case: tuple[Path, OpenedHost]) -> None:
    """Without its vision tower, which the stock call would ask."""
    from diffusers.pipelines.kandinsky.pipeline_kandinsky_prior import KandinskyPriorPipeline
    from diffusers.pipelines.kandinsky2_2.pipeline_kandinsky2_2_prior import KandinskyV22PriorPipeline

    folder, opened = case
    assert opened.prior.image_encoder is None and opened.prior.image_processor is None
    kind: Any = KandinskyPriorPipeline if opened.host.name == OLD else KandinskyV22PriorPipeline
    stock = kind.from_pretrained(folder / "prior")
    stock.set_progress_bar_config(disable=True)
    expected = stock("a red ball", generator=torch.Generator().manual_seed(0)).image_embeds
    made = embed_text(opened.prior, "a red ball")
    torch.testing.assert_close(made, expected, atol=1e-5, rtol=1e-5)
    assert torch.equal(embed_text(opened.prior, "a red ball"), made)
    assert float((embed_text(opened.prior, "a blue car") - made).abs().max()) > 1e-3


def test_pictures_are_of_the_mixture(case: tuple[Path, OpenedHost], reference: RegionReference) -> None:
    _, opened = case
    share = None if opened.host.name == NEW else 0.3
    wanted = Drawing(prompt="a red ball", text_share=share, guidance=3.0, **SIZE)
    (drawn,) = draw_references(opened, [reference], [7], wanted)
    text = embed_text(opened.prior, "a red ball")
    arguments = region_arguments(opened.host, opened.encoder, references=[reference])
    arguments["image_embeds"] = 0.3 * text + 0.7 * arguments["image_embeds"]
    said = {"prompt": "a red ball"} if opened.host.name == OLD else {}
    size = {"height": 64, "width": 64, "num_inference_steps": 2, "guidance_scale": 3.0}
    stock = opened.pipeline(**arguments, **said, **size, generator=[torch.Generator().manual_seed(7)]).images[0]
    assert np.array_equal(np.asarray(drawn.image), np.asarray(stock))


def test_the_text_and_its_share_count(case: tuple[Path, OpenedHost], reference: RegionReference) -> None:
    _, opened = case

    def draw(prompt: str | None, share: float | None = None) -> np.ndarray:
        (drawn,) = draw_references(opened, [reference], [0], Drawing(prompt=prompt, text_share=share, **SIZE))
        return np.asarray(drawn.image).astype(int)

    ball = draw("a ball", 0.3)
    assert np.array_equal(ball, draw("a ball", 0.3))
    assert np.abs(ball - draw("a ball", 0.9)).max() > 2 and np.abs(ball - draw("cars", 0.3)).max() > 2
    # 2.1's call reads the text itself, and mixes it only if asked; 2.2's has no other way for it.
    assert np.array_equal(ball, draw("a ball")) == (opened.host.name == NEW)
    assert np.array_equal(draw("a ball", 0.0), draw("a ball" if opened.host.name == OLD else None))


def test_when_a_text_is_mixed() -> None:
    old, new = REFERENCE_HOSTS[OLD], REFERENCE_HOSTS[NEW]
    assert is_mixed(new, prompt="a", text_share=None) and is_mixed(old, prompt="a", text_share=0.0)
    assert not is_mixed(old, prompt="a", text_share=None) and not is_mixed(new, prompt=None, text_share=0.5)
    assert not is_mixed(REFERENCE_HOSTS["sdxl-ip"], prompt="a", text_share=0.5)


def test_without_a_prior_a_text_is_refused_and_none_is_opened(
    case: tuple[Path, OpenedHost], reference: RegionReference
) -> None:
    folder, opened = case
    bare = open_reference_host(opened.host.name, base=folder / "base", image_encoder=folder / "prior" / "image_encoder")
    assert bare.prior is None
    with pytest.raises(InputError, match=f"prompt: the prior that makes .* for {opened.host.name} is not opened"):
        draw_references(bare, [reference], [0], Drawing(prompt="a cup", text_share=0.3, **SIZE))


def test_a_prior_stays_beside_an_alpha_clip(
    case: tuple[Path, OpenedHost], reference: RegionReference, reference_builders: ModuleType, tmp_path: Path
) -> None:
    """Whose four channels no stock prior takes."""
    from gencontrol.alpha_clip import AlphaCLIP

    folder, opened = case
    AlphaCLIP.from_clip(reference_builders.clip_tower()).save_pretrained(tmp_path / "alpha")
    parts: dict[str, Any] = {"prior": folder / "prior", "alpha_clip": tmp_path / "alpha"}
    alpha = open_reference_host(opened.host.name, base=folder / "base", **parts)
    assert alpha.fitted.sources.tower is None
    (drawn,) = draw_references(alpha, [reference], [0], Drawing(prompt="a cup", text_share=0.3, **SIZE))
    assert drawn.image.size == (64, 64)


def saved(folder: Path, tmp_path: Path, change: Callable[[Path], None]) -> Location:
    shutil.copytree(folder / "prior", tmp_path / "prior")
    change(tmp_path / "prior")
    return Location(name=str(tmp_path / "prior"))


def edited(file: str, **values: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / file
        path.write_text(json.dumps(json.loads(path.read_text()) | values))

    return change


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (edited("model_index.json", _class_name="FluxPipeline"), PairingError, "is a FluxPipeline, not a KandinskyV22"),
        (
            edited("model_index.json", text_encoder=[None, None], tokenizer=[None, None]),
            CheckpointError,
            "was saved without text_encoder and tokenizer, so that it makes no embedding of a text: leave `prompt`",
        ),
        (edited("model_index.json", prior=None), CheckpointError, "was saved without prior"),
        (edited("prior/config.json", embedding_dim=64), PairingError, "width 48; .*prior makes one of 64"),
        (lambda folder: (folder / "prior" / "config.json").unlink(), CheckpointError, "the component prior is not"),
    ],
)
def test_priors_that_do_not_fit(
    change: Any, error: Any, message: str, reference_folder: Folder, reference_builders: ModuleType, tmp_path: Path
) -> None:
    host = replace(REFERENCE_HOSTS[NEW], width=reference_builders.EMBED)
    with pytest.raises(error, match=message):
        check_text_prior(host, saved(reference_folder(NEW), tmp_path, change))


def test_a_vision_tower_is_not_asked_for(
    reference_folder: Folder, reference_builders: ModuleType, tmp_path: Path
) -> None:
    host = replace(REFERENCE_HOSTS[NEW], width=reference_builders.EMBED)
    place = saved(reference_folder(NEW), tmp_path, lambda folder: shutil.rmtree(folder / "image_encoder"))
    check_text_prior(host, place)
    assert embed_text(open_text_prior(host, place, torch.float32), "a").shape == (1, 48)


def test_weights_of_a_prior_are_all_there(
    reference_folder: Folder, reference_builders: ModuleType, tmp_path: Path
) -> None:
    host = replace(REFERENCE_HOSTS[NEW], width=reference_builders.EMBED)
    place = saved(
        reference_folder(NEW),
        tmp_path,
        lambda folder: (folder / "prior" / "diffusion_pytorch_model.safetensors").unlink(),
    )
    with pytest.raises(CheckpointError, match="the component prior has no weights"):
        open_text_prior(host, place, torch.float32)
