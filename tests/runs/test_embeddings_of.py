"""Whose embeddings a file holds: told by both commands that write one, and looked at by the one that reads it."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from gencontrol.conditioning.embedding_files import read_embeds, tensors_of, write_tensors
from gencontrol.errors import InputError
from gencontrol.models.fingerprint import weights_mark
from gencontrol.models.location import Location
from gencontrol.runs.embedding import write_embeddings
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.plan import Plan, plan_variations
from gencontrol.runs.settings import EmbeddingSettings, VariationSettings
from gencontrol.runs.variation import run_variations

Planned = Callable[..., Plan]


@pytest.fixture
def file(scene: Path, tiny_folder: Path) -> Path:
    """What `gencontrol embed` writes."""
    path = scene / "e.safetensors"
    write_embeddings(
        EmbeddingSettings(images=(str(scene / "photo.png"),), model=str(tiny_folder), device="cpu", output=str(path))
    )
    return path


@pytest.fixture
def planned(file: Path, tiny_folder: Path) -> Planned:
    """Plans runs that start from it."""

    def plan(**settings: Any) -> Plan:
        given: dict[str, Any] = {"model": str(tiny_folder), "embeds_in": str(file), "device": "cpu", "steps": 1}
        return plan_variations(VariationSettings(**(given | settings)))

    return plan


def retrained(folder: Path, to: Path) -> Path:
    """A copy of a model whose Alpha-CLIP has other weights."""
    shutil.copytree(folder, to)
    weights = to / "alpha_clip" / "model.safetensors"
    state = load_file(weights)
    name = next(name for name in state if name.endswith("visual_projection.weight"))
    save_file(state | {name: state[name] + 1}, weights, metadata={"format": "pt"})
    return to


def test_both_commands_say_it_alike(file: Path, scene: Path, tiny_folder: Path) -> None:
    said = read_embeds(file, width=24).encoder
    assert said == (str(tiny_folder), weights_mark(Location(name=str(tiny_folder / "alpha_clip"))))
    other: dict[str, Any] = {"images": (str(scene / "photo.png"),), "model": str(tiny_folder), "device": "cpu"}
    other |= {"steps": 1, "number": 1, "embeds_out": str(scene / "o.safetensors"), "output": str(scene / "o.png")}
    run_variations(plan_variations(VariationSettings(**other)))
    assert read_embeds(scene / "o.safetensors", width=24).encoder == said


def test_those_of_the_models_own_encoder_start_a_run(planned: Planned) -> None:
    embeds = planned().embeds
    assert embeds is not None and len(embeds.image_embeds) == 1


def test_those_of_other_weights_are_refused(planned: Planned, tmp_path: Path, tiny_folder: Path) -> None:
    other = retrained(tiny_folder, tmp_path / "other")
    with pytest.raises(InputError) as caught:
        planned(model=str(other))
    own, new = (weights_mark(Location(name=str(f / "alpha_clip"))) for f in (tiny_folder, other))
    assert f"made by other weights ({tiny_folder}, {own[7:19]}) than those of {other} ({new[7:19]})" in str(
        caught.value
    )
    assert "give the one that made the file as `alpha_clip`" in str(caught.value)
    # The way out that it names.
    assert planned(model=str(other), alpha_clip=str(tiny_folder / "alpha_clip")).embeds is not None


def test_what_cannot_be_told_is_said(planned: Planned, file: Path, scene: Path) -> None:
    embeds = read_embeds(file, width=24)
    write_tensors(scene / "none.safetensors", tensors_of(embeds), names=embeds.names)
    with pytest.warns(RunWarning, match=r"none\.safetensors does not say which encoder made it, so whether it fits"):
        planned(embeds_in=str(scene / "none.safetensors"))
    write_tensors(scene / "hub.safetensors", tensors_of(embeds), encoder=("a/b", "hub:0123/"))
    with pytest.warns(
        RunWarning, match=r"hub\.safetensors was made by a/b; whether those are the weights of .* cannot"
    ):
        planned(embeds_in=str(scene / "hub.safetensors"))


def test_another_projection_is_another_mark(tmp_path: Path, tiny_folder: Path) -> None:
    other = retrained(tiny_folder, tmp_path / "other")
    names = ("alpha_clip", "image_encoder")
    same = [
        weights_mark(Location(name=str(other / n))) == weights_mark(Location(name=str(tiny_folder / n))) for n in names
    ]
    assert same == [False, True] and torch.is_tensor(
        next(iter(load_file(other / "alpha_clip/model.safetensors").values()))
    )
