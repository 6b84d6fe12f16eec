"""LLaVAs from folders: widened, with a published tower, saved for stock transformers; and what is none."""

import json
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from transformers import AutoProcessor, LlavaForConditionalGeneration

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.weights.convert import clip_to_published
from gencontrol.errors import CheckpointError, InputError, PairingError
from gencontrol.tasks.llava.model import CAPTION_QUESTION, PROMPT_FORM, RegionLlava
from gencontrol.tasks.llava.opening import open_llava
from gencontrol.tasks.llava.tower import looks_by, patch_embedding, vision_tower


def test_a_folder_of_three_channels_is_widened(llava_folder: Path) -> None:
    opened = open_llava(str(llava_folder))
    assert not opened.has_alpha and looks_by(opened.model.config).num_channels == 4
    assert opened.processor.geometry.size == 64 and opened.processor.geometry.fit == "pad"
    assert opened.prompt == PROMPT_FORM and opened.caption_question == CAPTION_QUESTION
    assert not opened.model.training


def test_towers_of_a_file_and_of_a_folder(llava_folder: Path, tiny: ModuleType, tmp_path: Path) -> None:
    tower = tiny.vision_tower(channels=4, seed=4)
    torch.save(clip_to_published(tower.state_dict()), tmp_path / "published.pth")
    AlphaCLIP.from_clip(tower).save_pretrained(tmp_path / "folder")
    weights = tower.vision_model.embeddings.patch_embedding.weight
    for name in ("published.pth", "folder"):
        opened = open_llava(str(llava_folder), alpha_clip=tmp_path / name)
        assert opened.has_alpha
        torch.testing.assert_close(patch_embedding(opened.model).get_parameter("weight"), weights)
    half = open_llava(str(llava_folder), alpha_clip=tmp_path / "folder", dtype=torch.bfloat16)
    assert {p.dtype for p in half.model.parameters()} == {torch.bfloat16}


def test_what_is_saved_opens_in_stock_transformers(llava_folder: Path, tiny: ModuleType, tmp_path: Path) -> None:
    AlphaCLIP.from_clip(tiny.vision_tower(channels=4)).save_pretrained(tmp_path / "alpha")
    opened = open_llava(str(llava_folder), alpha_clip=tmp_path / "alpha")
    opened.model.config.region_prompt = "<image> {}"
    opened.save_pretrained(tmp_path / "saved")
    stock_class: Any = LlavaForConditionalGeneration
    stock, report = stock_class.from_pretrained(tmp_path / "saved", output_loading_info=True)
    assert not any(report[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert all(torch.equal(stock.state_dict()[k], v) for k, v in opened.model.state_dict().items())
    processor: Any = AutoProcessor.from_pretrained(tmp_path / "saved")
    assert type(processor).__name__ == "LlavaProcessor"
    assert processor.image_processor.image_mean[3] == 0.5 and processor.patch_size == 16
    again = open_llava(str(tmp_path / "saved"))
    assert again.has_alpha and again.prompt == "<image> {}" and again.processor == opened.processor
    again.save_pretrained(tmp_path / "saved")
    assert open_llava(str(tmp_path / "saved")).has_alpha
    (tmp_path / "saved" / "mine.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(InputError, match="holds other things"):
        again.save_pretrained(tmp_path / "saved")
    with pytest.raises(InputError, match="is a file; expected the name of a folder"):
        opened.save_pretrained(llava_folder / "config.json")


def changed(folder: Path, to: Path, **values: Any) -> str:
    shutil.copytree(folder, to)
    config = json.loads((to / "config.json").read_text(encoding="utf-8"))
    (to / "config.json").write_text(json.dumps(config | values), encoding="utf-8")
    return str(to)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model_type": "llava_onevision"}, "is a model of type 'llava_onevision': expected LLaVA-1.5"),
        ({"vision_config": {"model_type": "siglip_vision_model"}}, "tower of type 'siglip_vision_model'"),
        ({"vision_feature_layer": -1}, "reads layer -1 of its tower"),
        ({"vision_feature_layer": "last"}, "config.json cannot be used"),
        ({"image_token_index": 7}, "reads <image> as .*, and the model's image token is 7"),
    ],
)
def test_what_is_no_llava_1_5(values: dict[str, Any], message: str, llava_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=message):
        open_llava(changed(llava_folder, tmp_path / "changed", **values))


def test_weights_that_do_not_fit_are_not_drawn(llava_folder: Path, tmp_path: Path) -> None:
    vision = json.loads((llava_folder / "config.json").read_text(encoding="utf-8"))["vision_config"]
    name = changed(llava_folder, tmp_path / "changed", vision_config=vision | {"num_channels": 4})
    with pytest.raises(CheckpointError, match="patch_embedding"):
        open_llava(name)


def test_folders_that_lack_something(llava_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        CheckpointError, match=r"there is no config.json. Expected a folder or hub id, such as llava-hf"
    ):
        open_llava(str(tmp_path / "empty"))
    shutil.copytree(llava_folder, tmp_path / "mute")
    (tmp_path / "mute" / "tokenizer.json").unlink()
    with pytest.raises(CheckpointError, match="has no tokenizer: a LLaVA needs one to read questions"):
        open_llava(str(tmp_path / "mute"))


def test_a_tower_of_another_shape(llava_folder: Path, tiny: ModuleType, tmp_path: Path) -> None:
    state = clip_to_published(tiny.vision_tower(channels=4).state_dict())
    state["positional_embedding"] = state["positional_embedding"][:10].clone()
    torch.save(state, tmp_path / "other.pth")
    with pytest.raises(CheckpointError, match="positional_embedding"):
        open_llava(str(llava_folder), alpha_clip=tmp_path / "other.pth")
    wide = tiny.clip_config(channels=4).vision_config
    wide.intermediate_size = 96
    from transformers import CLIPVisionModelWithProjection

    AlphaCLIP.from_clip(CLIPVisionModelWithProjection(wide)).save_pretrained(tmp_path / "other")
    with pytest.raises(PairingError, match="intermediate_size is 96, and that of the LLaVA's tower 64"):
        open_llava(str(llava_folder), alpha_clip=tmp_path / "other")


def test_a_record_is_of_four_channels(llava_builders: ModuleType, tiny: ModuleType, llava_folder: Path) -> None:
    opened = open_llava(str(llava_folder))
    with pytest.raises(CheckpointError, match="has 3 channels: widen_llava gives it the fourth"):
        RegionLlava(model=llava_builders.llava(tiny), tokenizer=opened.tokenizer, processor=opened.processor)
    assert vision_tower(opened.model).get_buffer("embeddings.position_ids").shape[1] == 17


def test_a_name_that_is_near_to_tiny() -> None:
    with pytest.raises(CheckpointError, match="did you mean 'tiny'"):
        open_llava("tinny", local_files_only=True)
