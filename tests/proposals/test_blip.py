"""BLIP and BLIP-2 as captioners: a part is cut out, and the words are the model's own."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch.testing import assert_close

from gencontrol.errors import CheckpointError
from gencontrol.images.picture import Picture
from gencontrol.images.reading import read_image
from gencontrol.images.writing import to_pil
from gencontrol.models.location import Location
from gencontrol.proposals import Captioner, open_captioner
from gencontrol.proposals import blip as module
from gencontrol.proposals.blip import MARGIN, BlipCaptioner, cut_out
from gencontrol.proposals.captioner import TemplateCaptioner
from gencontrol.proposals.captioner_opening import TEMPLATES, kind_of
from gencontrol.proposals.opening import open_grounder
from gencontrol.regions import from_box

REGIONS = [from_box(box, size=(60, 90)) for box in ((2, 3, 30, 40), (40, 10, 88, 58), (0, 0, 90, 60))]


@pytest.fixture(scope="module", params=["blip", "blip2"])
def captioner(request: pytest.FixtureRequest, further: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder = getattr(further, f"save_{request.param}")(tmp_path_factory.mktemp("captioners") / request.param)
    opened: Any = open_captioner(str(folder))
    model = opened.model.language_model if request.param == "blip2" else opened.model.text_decoder
    # With random weights an answer may be none but frames.
    words = len(opened.processor.tokenizer)
    model.generation_config.suppress_tokens = [0, 1, 2, 3, *([words - 1] if request.param == "blip2" else [])]
    opened.max_tokens = 6
    return opened


def test_a_part_is_on_white_with_a_margin() -> None:
    rgb = torch.zeros(3, 40, 60)
    rgb[0, 10:20, 20:40] = 0.5
    alpha = torch.zeros(40, 60)
    alpha[10:20, 20:40] = 1
    alpha[12, 25] = 0.25
    found = cut_out(rgb, alpha)
    assert MARGIN == 0.1 and found.shape == (3, 14, 24)
    assert found[:, :2].eq(1).all() and found[:, :, :2].eq(1).all()
    assert_close(found[:, 2, 2], torch.tensor([0.5, 0.0, 0.0]))
    assert_close(found[:, 4, 7], torch.tensor([0.5 * 0.25 + 0.75, 0.75, 0.75]))
    assert cut_out(rgb, torch.ones(40, 60)).shape == (3, 40, 60)


def test_words_are_the_models_own(captioner: Any, tiny: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert isinstance(captioner, BlipCaptioner) and isinstance(captioner, Captioner)
    picture = tiny.photo(60, 90)
    said = captioner.caption(picture, REGIONS)
    rgb = read_image(picture).rgb
    for region, text in zip(REGIONS, said, strict=True):
        shown = to_pil(Picture(rgb=cut_out(rgb, region.alpha)))
        inputs = captioner.processor.image_processor(images=shown, return_tensors="pt")
        ids = captioner.model.generate(pixel_values=inputs["pixel_values"], max_new_tokens=6, do_sample=False)
        assert text == captioner.processor.tokenizer.decode(ids[0], skip_special_tokens=True).strip() != ""
    (whole,) = captioner.caption(picture)
    assert len(whole.split()) >= 1
    monkeypatch.setattr(module, "BATCH", 2)
    assert captioner.caption(picture, REGIONS) == said


def test_other_captioners(further: ModuleType, tmp_path: Path) -> None:
    assert isinstance(open_captioner(), TemplateCaptioner) and TEMPLATES == "templates"
    with pytest.raises(CheckpointError, match=r"No captioner at .*Expected templates, or a folder or hub id"):
        open_captioner(str(tmp_path))
    folder = further.save_sam3(tmp_path / "sam3", "sam3")
    assert kind_of(Location(name=str(folder), names=())) == "sam3"
    with pytest.raises(CheckpointError, match="of type 'sam3', and no captioner; expected blip, blip-2, or templates"):
        open_captioner(str(folder))
    blip = further.save_blip(tmp_path / "blip")
    with pytest.raises(CheckpointError, match="of type 'blip', and no grounder"):
        open_grounder(str(blip))
