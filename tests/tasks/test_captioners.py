"""Any captioner by name: a LLaVA among them, which sees the region through its alpha channel."""

from pathlib import Path
from types import ModuleType

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import CheckpointError, InputError
from gencontrol.images.reading import read_image
from gencontrol.proposals import Captioner
from gencontrol.proposals.captioner import TemplateCaptioner
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.tasks.ask import caption_regions
from gencontrol.tasks.captioners import open_captioner
from gencontrol.tasks.llava.answering import Decoding
from gencontrol.tasks.llava.captioner import LlavaCaptioner


def test_a_llava_says_what_caption_says(llava_folder: Path, tiny: ModuleType, tmp_path: Path) -> None:
    AlphaCLIP.from_clip(tiny.vision_tower(channels=4)).save_pretrained(tmp_path / "tower")
    opened = open_captioner(str(llava_folder), alpha_clip=str(tmp_path / "tower"))
    assert isinstance(opened, LlavaCaptioner) and isinstance(opened, Captioner)
    short = LlavaCaptioner(opened.llava, decoding=Decoding(max_tokens=6))
    picture = tiny.photo(60, 90)
    regions = tuple(Region(alpha=tiny.half_mask(60, 90, side=side)) for side in ("left", "right"))
    scene = Scene(picture=read_image(picture), regions=regions)
    assert short.caption(picture, regions) == caption_regions(opened.llava, scene, decoding=Decoding(max_tokens=6))
    assert len(short.caption(picture)) == 1
    with pytest.raises(InputError, match="and the picture is 90 x 60"):
        short.caption(picture, [Region(alpha=torch.ones(5, 5))])


def test_others(tmp_path: Path) -> None:
    assert isinstance(open_captioner(), TemplateCaptioner)
    with pytest.raises(CheckpointError, match="No captioner at"):
        open_captioner(str(tmp_path))
