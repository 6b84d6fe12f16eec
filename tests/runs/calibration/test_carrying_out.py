"""Calibrations: which ways are measured, which is taken, and what is said."""

import copy
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.conditioning.calibrated import tower_mark
from gencontrol.errors import InputError, PairingError
from gencontrol.images.reading import read_image
from gencontrol.regions import Region
from gencontrol.regions.scene import Scene
from gencontrol.runs.calibration.carrying_out import Shown, calibrate, write_calibration
from gencontrol.runs.calibration.settings import CalibrationSettings
from gencontrol.runs.notices import RunWarning
from gencontrol.tasks.calibration import calibrated, measure

SETTINGS = CalibrationSettings(points=5)

pytestmark = pytest.mark.filterwarnings("ignore:the curve does not help")


@pytest.fixture
def encoder(tiny: ModuleType) -> AlphaCLIP:
    return AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer()).requires_grad_(False)


def shown(tiny: ModuleType, *, seed: int = 0) -> Shown:
    regions = tuple(Region(alpha=tiny.half_mask(64, 64, side=side)) for side in ("left", "right"))
    scene = Scene(picture=read_image(tiny.photo(64, 64, seed=seed)), regions=regions)
    return Shown(path=Path(f"{seed}.png"), scene=scene, texts=("a cat", "a dog"))


def test_the_better_way_is_taken(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    pictures = [shown(tiny, seed=seed) for seed in (0, 1, 2)]
    done = calibrate(encoder, pictures, SETTINGS)
    assert list(done.ways) == ["one-pass", "passes"]
    for way, found in done.ways.items():
        responses = [measure(encoder, one.scene, one.texts, way=way, steps=5) for one in pictures]
        assert found == calibrated(responses, way=way)
    best = min(done.ways.values(), key=lambda found: found.left_out or 0)
    assert replace(done.chosen, tower=(), measured={}) == best.curve
    assert done.chosen.tower == tower_mark(encoder.vision)
    assert done.chosen.measured == {
        "pictures": 3.0,
        "error_before": best.before,
        "error_after": best.after,
        "error_left_out": best.left_out,
    }


def test_pictures_of_one_name_have_no_masks_each(tmp_path: Path, tiny: ModuleType) -> None:
    for name in ("a.png", "a.jpg"):
        tiny.photo(8, 8).save(tmp_path / name)
    with pytest.raises(InputError, match=r"^Several pictures are called a, and a/ holds the masks of one"):
        write_calibration(CalibrationSettings(images=(str(tmp_path),), masks=str(tmp_path / "masks")))


def test_a_plain_clip_has_no_map(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    plain = AlphaCLIP.from_clip(tiny.clip(), tokenizer=tiny.tokenizer()).requires_grad_(False)
    assert list(calibrate(plain, [shown(tiny)], SETTINGS).ways) == ["passes"]
    with pytest.raises(PairingError, match="its alpha weights are zero"):
        calibrate(plain, [shown(tiny)], replace(SETTINGS, way="one-pass"))
    assert list(calibrate(encoder, [shown(tiny)], replace(SETTINGS, way="one-pass")).ways) == ["one-pass"]


def test_single_looks_are_those_of_the_focus(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    own, other = (
        calibrate(encoder, [shown(tiny)], replace(SETTINGS, way="passes", focus=focus)).ways["passes"].before
        for focus in (None, "crop")
    )
    assert abs(own - other) > 1e-4
    with pytest.warns(RunWarning, match="the curve is for one look by the alpha channel, and this encoder looks other"):
        calibrate(encoder, [shown(tiny)], replace(SETTINGS, way="one-pass", focus="crop"))


def test_a_curve_that_does_not_help_is_told_of(encoder: AlphaCLIP, tiny: ModuleType) -> None:
    """Of an encoder whose looks all say the same, no curve changes anything."""
    deaf = copy.deepcopy(encoder)
    with torch.no_grad():
        assert deaf.logit_scale is not None
        deaf.logit_scale.fill_(-50.0)
    with pytest.warns(RunWarning, match=r"does not help on pictures .* error is 0\.\d+, and 0\.\d+ without it"):
        calibrate(deaf, [shown(tiny), shown(tiny, seed=1)], SETTINGS)


def test_an_encoder_that_knows_levels_is_told_of(tiny: ModuleType, tmp_path: Path) -> None:
    encoder = AlphaCLIP.from_clip(tiny.alpha_clip_model(), tokenizer=tiny.tokenizer())
    encoder.vision.config.graded_alpha = True
    encoder.save_pretrained(tmp_path / "graded")
    tiny.photo(64, 64).save(tmp_path / "a.png")
    (tmp_path / "masks" / "a").mkdir(parents=True)
    for side, name in (("left", "cat"), ("right", "dog")):
        mask = tiny.half_mask(64, 64, side=side)[None].expand(3, -1, -1)
        from gencontrol.images.writing import to_pil

        to_pil(mask).save(tmp_path / "masks" / "a" / f"{name}.png")
    settings = replace(
        SETTINGS, images=(str(tmp_path / "a.png"),), masks=str(tmp_path / "masks"), model=str(tmp_path / "graded"),
        output=str(tmp_path / "curve.json"),
    )  # fmt: skip
    with pytest.warns(RunWarning, match="was trained on levels: it looks at them in one pass"):
        write_calibration(settings)
    assert (tmp_path / "curve.json").exists()
