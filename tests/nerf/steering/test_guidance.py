"""From renderings to losses: which part, which alpha, which direction's text."""

import dataclasses
import os
from pathlib import Path

import pytest
import torch
from torch.nn import functional as F

from gencontrol.errors import CheckpointError, ConfigError, InputError
from gencontrol.guidance.augmentation import STILL
from gencontrol.guidance.prompts import ViewPrompts
from gencontrol.guidance.score import Guide
from gencontrol.nerf.parts.parts import Part
from gencontrol.nerf.rays.rendering import Rendering
from gencontrol.nerf.steering.guidance import (
    Guidance,
    Steering,
    guided_scores,
    load_guides,
    parse_guide,
    part_scores,
    prepare,
    steering_losses,
)
from gencontrol.schedules import constant

BLACK = dataclasses.replace(STILL, backgrounds=("black",))
OFF = ViewPrompts(mode="off")


@pytest.fixture(scope="module")
def guides(tiny_folder: Path) -> tuple[Guide, ...]:
    return load_guides([str(tiny_folder)], device="cpu")


def rendering(count: int = 2) -> Rendering:
    generator = torch.Generator().manual_seed(0)
    opacity = torch.rand(count, 16, 16, generator=generator)
    colour = torch.rand(count, 16, 16, 3, generator=generator) * opacity[..., None]
    parts = torch.rand(count, 16, 16, 2, generator=generator)
    return Rendering(colour=colour, opacity=opacity, depth=opacity, parts=parts)


def steer(guides: tuple[Guide, ...], **changes) -> Steering:
    parts = (Part(name="a", prompt="red cat"), Part(name="b", prompt="blue boat"))
    settings = {"views": OFF, "augmentation": BLACK} | changes
    return prepare(settings.pop("parts", parts), guides, **settings)


def losses(
    steering: Steering, seen: Rendering, azimuth: tuple[float, ...] = (0.0, 180.0), *, contrast: bool = False
) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    angles = torch.tensor(azimuth)
    found = steering_losses(steering, seen, angles, torch.zeros_like(angles), step=0, generator=generator)
    return found.contrast if contrast else found.similarity


def cosine_loss(guide: Guide, seen: Rendering, alpha: torch.Tensor, text: str) -> torch.Tensor:
    encoder = guide.encoder
    image = encoder.encode_pixels(encoder.processor(seen.colour.permute(0, 3, 1, 2), alpha))
    return 1 - F.cosine_similarity(image, encoder.encode_text(text))


def test_each_part_is_scored_against_its_prompt_through_its_alpha(guides: tuple[Guide, ...]) -> None:
    seen = rendering()
    found = losses(steer(guides), seen)
    assert list(found) == ["a", "b"]
    for index, (name, text) in enumerate((("a", "red cat"), ("b", "blue boat"))):
        expected = cosine_loss(guides[0], seen, seen.parts[..., index], text)
        assert torch.allclose(found[name], expected, atol=1e-4)


def test_the_whole_picture_can_be_looked_at_instead(guides: tuple[Guide, ...]) -> None:
    seen = rendering()
    found = losses(steer(guides, alpha_input="whole"), seen)
    assert torch.allclose(found["a"], cosine_loss(guides[0], seen, torch.ones(2, 16, 16), "red cat"), atol=1e-4)


def test_views_from_front_and_back_have_their_own_texts(guides: tuple[Guide, ...]) -> None:
    worded = ViewPrompts(mode="discrete", front="red {}", side="blue {}", back="green {}", overhead="black {}")
    seen, part = rendering(), (Part(name="a", prompt="cat"),)
    found = losses(steer(guides, parts=part, views=worded), seen)["a"]
    front = cosine_loss(guides[0], seen, seen.parts[..., 0], "red cat")
    back = cosine_loss(guides[0], seen, seen.parts[..., 0], "green cat")
    assert torch.allclose(found, torch.stack([front[0], back[1]]), atol=1e-4)


def test_copies_follow_their_view(guides: tuple[Guide, ...]) -> None:
    found = losses(steer(guides, augmentation=dataclasses.replace(BLACK, copies=3)), rendering())["a"]
    single = losses(steer(guides), rendering())["a"]
    assert torch.allclose(found, single.repeat_interleave(3), atol=1e-4)


def test_parts_without_prompt_or_weight_are_left_out(guides: tuple[Guide, ...]) -> None:
    parts = (Part(name="a", prompt=""), Part(name="b", prompt="cat", weight=constant(0.0)))
    assert losses(steer(guides, parts=parts), rendering()) == {}


def test_scores_are_cosines_of_part_and_prompt(guides: tuple[Guide, ...]) -> None:
    seen = rendering()
    opaque = dataclasses.replace(seen, opacity=torch.ones_like(seen.opacity))
    scores = part_scores(steer(guides), opaque)
    expected = 1 - cosine_loss(guides[0], opaque, opaque.parts[..., 1], "blue boat").mean().item()
    assert scores["b"] == pytest.approx(expected, abs=1e-4)


def test_a_prompt_is_told_apart_from_names_that_share_no_word_with_it(guides: tuple[Guide, ...]) -> None:
    seen, names = rendering(), (("cat",), ("boat", "ship"), ("green dog",))
    found = losses(steer(guides, names=names, scale=10.0), seen, contrast=True)
    assert list(found) == ["a", "b"]
    cosines = [1 - cosine_loss(guides[0], seen, seen.parts[..., 1], text) for text in ("blue boat", "cat", "green dog")]
    expected = F.cross_entropy(10 * torch.stack(cosines, dim=1), torch.zeros(2, dtype=torch.long), reduction="none")
    assert torch.allclose(found["b"], expected, atol=1e-3)
    assert losses(steer(guides), seen, contrast=True) == {}


def test_names_that_the_encoder_cannot_take_do_not_count(guides: tuple[Guide, ...]) -> None:
    seen = rendering()
    some = losses(steer(guides, names=(("dog",), ("zeppelin",))), seen, contrast=True)["a"]
    assert torch.allclose(some, losses(steer(guides, names=(("dog",),)), seen, contrast=True)["a"], atol=1e-5)
    assert torch.equal(losses(steer(guides, names=(("zeppelin",),)), seen, contrast=True)["a"], torch.zeros(2))


def test_gradients_reach_the_alpha(guides: tuple[Guide, ...]) -> None:
    seen = rendering()
    seen.parts.requires_grad_()
    losses(steer(guides), seen)["a"].sum().backward()
    assert seen.parts.grad is not None
    assert seen.parts.grad[..., 0].abs().sum() > 0 and seen.parts.grad[..., 1].abs().sum() == 0


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("tiny", ("tiny", 1.0, 0)),
        ("tiny:0.5", ("tiny", 0.5, 0)),
        ("tiny@300", ("tiny", 1.0, 300)),
        ("clip:tiny:2@10", ("clip:tiny", 2.0, 10)),
        ("/models/ViT-L-14@336px", ("/models/ViT-L-14@336px", 1.0, 0)),
        ("/models/ViT-L-14@336px:0.5", ("/models/ViT-L-14@336px", 0.5, 0)),
        ("/models/ViT-L-14@336px:0.5@20", ("/models/ViT-L-14@336px", 0.5, 20)),
        ("clip:tiny", ("clip:tiny", 1.0, 0)),
        ("/some/folder", ("/some/folder", 1.0, 0)),
    ],
)
def test_encoders_are_named_with_weight_and_start(text: str, expected: tuple[str, float, int]) -> None:
    assert parse_guide(text) == expected


def test_a_folder_with_an_at_sign_is_no_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny@2").mkdir()
    monkeypatch.chdir(tmp_path)
    assert parse_guide("tiny@2") == ("tiny@2", 1.0, 0)


def test_unreadable_encoders_are_refused(tiny_folder: Path) -> None:
    with pytest.raises(ConfigError, match="Cannot read the encoder 'tiny@soon'"):
        parse_guide("tiny@soon")
    with pytest.raises(ConfigError, match="at least one encoder"):
        load_guides([], device="cpu")


def test_the_plain_clip_beside_has_no_alpha(tiny_folder: Path) -> None:
    plain, alpha = load_guides([f"clip:{tiny_folder}", str(tiny_folder)], device="cpu")
    assert not plain.encoder.has_alpha and alpha.encoder.has_alpha  # pyright: ignore[reportAttributeAccessIssue]


def test_a_prompt_that_the_encoder_does_not_know_is_refused_before_training(guides: tuple[Guide, ...]) -> None:
    with pytest.raises(InputError, match="'catt' \\(nearest: cat"):
        steer(guides, parts=(Part(name="a", prompt="red catt"),))


def test_a_logged_score_is_a_mean_cosine_whatever_the_guides_weigh(guides: tuple[Guide, ...]) -> None:
    seen, cosine = rendering(), 1 - cosine_loss(guides[0], rendering(), rendering().parts[..., 0], "red cat").mean()
    halved = tuple(dataclasses.replace(guide, weight=constant(0.5)) for guide in guides)
    for several in (guides, halved, guides + halved):
        steering = steer(several)
        found = guided_scores(Guidance(similarity=losses(steering, seen), contrast={}), steering, step=0)
        assert found["score_a"] == pytest.approx(cosine.item(), abs=1e-4) and list(found) == ["score_a", "score_b"]
    late = steer(tuple(dataclasses.replace(guide, start=100) for guide in guides))
    assert guided_scores(Guidance(similarity=losses(late, seen), contrast={}), late, step=0) == {}
    assert guided_scores(Guidance(similarity={}, contrast={}), None, step=0) == {}


def test_defaults(guides: tuple[Guide, ...]) -> None:
    steering = steer(guides)
    assert (steering.alpha_input, steering.scale) == ("part", 30.0)
    plain = Steering(parts=(), guides=(), targets=(), views=OFF, augmentation=BLACK)
    assert (plain.alpha_input, plain.others, plain.scale) == ("part", (), 30.0)
    assert part_scores(steering, rendering()) == part_scores(steering, rendering(), seed=0)
    assert part_scores(steering, rendering(), seed=1) != part_scores(steering, rendering(), seed=0)


@pytest.mark.parametrize("text", ["tiny:-1", "tiny:nan", "tiny:inf@3"])
def test_an_encoders_weight_is_finite_and_not_below_0(text: str) -> None:
    with pytest.raises(ConfigError, match="An encoder's weight must be finite and at least 0; got"):
        parse_guide(text)
    assert parse_guide("tiny:0") == ("tiny", 0.0, 0)


def test_a_pipe_is_no_encoder(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(CheckpointError, match=r"pipe is a file, a pipe or a device; expected a preset or a folder"):
        load_guides([str(tmp_path / "pipe")], device="cpu")


def test_a_prompt_that_cannot_be_encoded_is_told_of_by_its_part(guides: tuple[Guide, ...]) -> None:
    long = Part(name="b", prompt="red cat " * 300)
    with pytest.raises(InputError, match=r"^The prompt of 'b': 'red cat .* tokens long; .*: shorten it\.$"):
        prepare([Part(name="a", prompt="cat"), long], guides, views=OFF, augmentation=BLACK)
    with pytest.raises(InputError, match=r"^'red cat .*: shorten it\.$"):
        prepare([long], guides, views=OFF, augmentation=BLACK)


def test_a_plain_encoder_has_a_name() -> None:
    with pytest.raises(ConfigError, match="Cannot read the encoder 'clip:': expected NAME"):
        parse_guide("clip:")
    assert parse_guide("clip:tiny:0.5") == ("clip:tiny", 0.5, 0)
