"""Where a LLaVA's weights lie until they are used plays no part in its answers."""

from pathlib import Path
from types import ModuleType

import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.images.reading import read_image
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.runs.answers.carrying_out import check_looks
from gencontrol.runs.answers.opening import open_answerer, placed
from gencontrol.runs.answers.settings import AnswerSettings
from gencontrol.tasks.ask import ask_regions
from gencontrol.tasks.llava.answering import Decoding
from gencontrol.tasks.llava.opening import open_llava


def test_offloaded_weights_give_the_same_answers(llava_folder: Path, tiny: ModuleType, tmp_path: Path) -> None:
    AlphaCLIP.from_clip(tiny.vision_tower(channels=4)).save_pretrained(tmp_path / "tower")
    regions = (Region(alpha=tiny.half_mask(60, 90, side="left")),)
    scene = Scene(picture=read_image(tiny.photo(60, 90)), regions=regions)
    said = []
    for offload in ("none", "model", "sequential"):
        llava = placed(
            open_llava(str(llava_folder), alpha_clip=tmp_path / "tower"), torch.device("cpu"), offload=offload
        )
        check_looks(llava, None)
        said.append(ask_regions(llava, scene, "what is it ?", decoding=Decoding(max_tokens=6)))
    assert said[0] == said[1] == said[2] and said[0][0]


def test_settings_reach_the_model(llava_folder: Path) -> None:
    llava = open_answerer(AnswerSettings(model=str(llava_folder), fit="crop", dtype="bfloat16", device="cpu"))
    assert llava.processor.geometry.fit == "crop" and llava.model.dtype == torch.bfloat16
    assert llava.device == torch.device("cpu")
