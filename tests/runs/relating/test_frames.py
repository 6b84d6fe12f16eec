"""Clips on disk."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.runs.notices import RunWarning
from gencontrol.runs.relating.frames import frame_sources, is_clip, read_clip
from gencontrol.runs.relating.reading import asks_of_clip, chosen_module, read_named_clip
from gencontrol.runs.relating.settings import RelatingSettings


def square(x: int, *, size: tuple[int, int] = (24, 32), shown: bool = True) -> Image.Image:
    pixels = np.zeros(size, np.uint8)
    if shown:
        pixels[8:16, x : x + 8] = 255
    return Image.fromarray(pixels)


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """`clip.gif` of 4 frames; `dog.gif`, a mask that goes right; `cup/`, one that stays, its third frame black."""
    frames = [Image.new("RGB", (32, 24), (40 * t, 90, 10)) for t in range(4)]
    frames[0].save(tmp_path / "clip.gif", save_all=True, append_images=frames[1:])
    masks = [square(4 * t) for t in range(4)]
    masks[0].save(tmp_path / "dog.gif", save_all=True, append_images=masks[1:])
    (tmp_path / "cup").mkdir()
    # By number, not by letter: 10 comes after 9.
    for place, number in enumerate((8, 9, 10, 11)):
        square(20, shown=place != 2).save(tmp_path / "cup" / f"frame-{number}.png")
    return tmp_path


def test_frames_and_masks_of_every_frame(clip: Path) -> None:
    found = read_clip(clip / "clip.gif", [("", clip / "dog.gif"), ("mug", clip / "cup")])
    assert found.labels == ("dog", "mug") and found.alphas.shape == (4, 2, 24, 32)
    for t, picture in enumerate(found.pictures):
        assert picture.rgb[0].mean() * 255 == pytest.approx(40 * t, abs=4)
        assert bool((found.alphas[t, 0, 8:16, 4 * t : 4 * t + 8] > 0.9).all()) and found.alphas[t, 0].sum() <= 64.5
    assert found.alphas[:, 1].flatten(1).sum(1).tolist() == [64, 64, 0, 64] and found.seen == 3


def test_folders_and_animations_are_clips(clip: Path) -> None:
    square(0).save(clip / "still.png")
    assert is_clip(clip / "cup") and is_clip(clip / "dog.gif")
    assert not is_clip(clip / "still.png") and not is_clip(clip / "none.gif")
    assert [Path(str(p)).name for p in frame_sources(clip / "cup")] == [f"frame-{n}.png" for n in (8, 9, 10, 11)]


def test_of_many_frames_some_are_read(tmp_path: Path) -> None:
    for number in range(70):
        Image.new("L", (8, 8), number).save(tmp_path / f"{number}.png")
    found = frame_sources(tmp_path)
    assert len(found) == 32 and found[0] == tmp_path / "0.png" and found[-1] == tmp_path / "69.png"


def test_clips_that_cannot_be_read(clip: Path) -> None:
    (clip / "cup" / "frame-12.png").write_bytes((clip / "cup" / "frame-8.png").read_bytes())
    with pytest.raises(InputError, match=r"cup has 5 frames and .*clip\.gif has 4: a mask is needed for every frame"):
        read_clip(clip / "clip.gif", [("cup", clip / "cup")])
    (clip / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty holds no frames: expected files that end in \.png"):
        frame_sources(clip / "empty")


def test_when_settings_ask_of_a_clip(clip: Path) -> None:
    image, dog, cup = (str(clip / name) for name in ("clip.gif", "dog.gif", "cup"))
    square(0).save(clip / "still.png")
    assert asks_of_clip(RelatingSettings(image=image, mask=(f"dog={dog}", cup)))
    assert not asks_of_clip(RelatingSettings(image=image, mask=(str(clip / "still.png"),), box=("a=1,1,4,4",)))
    for odd in (
        RelatingSettings(image=image, mask=(dog,), box=("a=1,1,4,4",)),
        RelatingSettings(image=image, mask=(dog,), label_map=str(clip / "still.png")),
    ):
        with pytest.raises(ConfigError, match="In a clip every region is given by `mask`"):
            asks_of_clip(odd)
    with pytest.raises(ConfigError, match="is a folder of frames: give each region a folder"):
        asks_of_clip(RelatingSettings(image=cup, box=("a=1,1,4,4",)))
    stays = read_named_clip(RelatingSettings(image=image, mask=(dog, str(clip / "still.png"))))
    assert stays.labels == ("dog", "still") and bool((stays.alphas[:, 1] == stays.alphas[0, 1]).all())
    found = read_named_clip(RelatingSettings(image=image, mask=(f"hound={dog}", cup)))
    assert found.labels == ("hound", "cup") and torch.equal(found.alphas[2, 1], torch.zeros(24, 32))


def test_what_answers(tmp_path: Path) -> None:
    assert chosen_module(RelatingSettings(core="rules"), moving=False) == (None, None)
    with pytest.raises(ConfigError, match="Rules on masks do not answer for clips"):
        chosen_module(RelatingSettings(core="rules"), moving=True)
    with pytest.raises(ConfigError, match="`core` rules uses no `module`"):
        chosen_module(RelatingSettings(core="rules", module="x"), moving=False)


@pytest.mark.parametrize("colour", [0, 255])
def test_masks_of_clips_mean_what_other_masks_do(clip: Path, colour: int) -> None:
    """By opacity, where it varies, whatever the colours are: a stroke on a transparent layer."""
    layers = [square(4 * t) for t in range(4)]
    drawn = [Image.merge("LA", (Image.new("L", layer.size, colour), layer)).convert("RGBA") for layer in layers]
    drawn[2].putalpha(0)
    drawn[0].save(clip / "layer.png", save_all=True, append_images=drawn[1:])
    (clip / "layers").mkdir()
    for number, layer in enumerate(drawn):
        layer.save(clip / "layers" / f"{number}.png")
    found = read_clip(clip / "clip.gif", [("", clip / "layer.png"), ("", clip / "layers")])
    # The third frame is wholly transparent: there the region is hidden.
    assert found.alphas.flatten(2).sum(-1).tolist() == [[64, 64], [64, 64], [0, 0], [64, 64]]
    assert bool((found.alphas[1, :, 8:16, 4:12] == 1).all())


def test_names_with_odd_digits_are_names(clip: Path) -> None:
    (clip / "odd").mkdir()
    for name in ("²1", "²10", "²9"):
        square(0).save(clip / "odd" / f"{name}.png")
    assert [Path(str(path)).stem for path in frame_sources(clip / "odd")] == ["²1", "²9", "²10"]


def test_masks_of_the_first_frame_are_followed(tmp_path: Path) -> None:
    (tmp_path / "clip").mkdir()
    ground = np.random.default_rng(0).integers(100, 140, (48, 64, 3), dtype=np.uint8)
    for t in range(6):
        pixels = ground.copy()
        pixels[10:22, 6 + 7 * t : 18 + 7 * t] = (230, 20, 20)
        # A wall comes before it in the end.
        pixels[:, 46:] = (20, 20, 220)
        Image.fromarray(pixels).save(tmp_path / "clip" / f"{t}.png")
    for name, (x0, x1, y0, y1) in {"ball": (6, 18, 10, 22), "wall": (46, 64, 0, 48)}.items():
        mask = np.zeros((48, 64), np.uint8)
        mask[y0:y1, x0:x1] = 255
        Image.fromarray(mask).save(tmp_path / f"{name}.png")
    masks = tuple(str(tmp_path / f"{name}.png") for name in ("ball", "wall"))
    settings = RelatingSettings(image=str(tmp_path / "clip"), mask=masks, follow=True)
    assert asks_of_clip(settings)
    found = read_named_clip(settings)
    assert found.labels == ("ball", "wall") and found.alphas.shape == (6, 2, 48, 64)
    for t in range(5):
        ball = found.alphas[t, 0] > 0.5
        assert (ball[10:22, 6 + 7 * t : 18 + 7 * t].sum() > 100) and int(ball.sum()) < 200, t
    # Left as they are, they would stay.
    assert torch.equal(read_named_clip(replace(settings, follow=False)).alphas[5, 0], found.alphas[0, 0])


def test_what_cannot_be_followed(clip: Path, tmp_path: Path) -> None:
    square(0).save(clip / "still.png")
    still, image = str(clip / "still.png"), str(clip / "clip.gif")
    with pytest.raises(ConfigError, match="`follow` is of clips: give an animation or a folder of frames"):
        asks_of_clip(RelatingSettings(image=still, mask=(still,), follow=True))
    with pytest.raises(ConfigError, match="`follow`: every `mask` is one picture, which marks the first frame"):
        asks_of_clip(RelatingSettings(image=image, mask=(still, str(clip / "dog.gif")), follow=True))
    with pytest.raises(ConfigError, match="In a clip every region is given by `mask`"):
        asks_of_clip(RelatingSettings(image=image, mask=(still,), box=("a=1,1,4,4",), follow=True))
    # The clip's frames are of one colour each, which the last one's is too far from.
    with pytest.warns(RunWarning, match="'still' was followed up to frame 2 of 4: behind something, gone, or lost"):
        read_clip(clip / "clip.gif", [("still", clip / "still.png")], followed=True)
