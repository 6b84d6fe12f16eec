"""What the judge is trained on."""

import dataclasses

import pytest
import torch

from benchmarks.judge.model import JudgeShape
from benchmarks.judge.training import JudgeTraining, draw_apart, draw_singles, grown, judge_tests, soften
from gencontrol.sprites.split import Split


def test_singles_are_drawn_by_index_and_split(sprite_store) -> None:
    config = JudgeTraining(shape=JudgeShape(size=32), recolour=0.0, deform=0.0, paper=0.0)

    def draw(split: Split = "train", index=0, **changes):
        changed = dataclasses.replace(config, **changes)
        return draw_singles(changed, sprite_store, batch=64, split=split, styles=("noto", "twemoji"), index=index)

    rgb, concept = draw()
    again, _ = draw()
    other, _ = draw(index=1)
    held, _ = draw("test")
    assert torch.equal(rgb, again) and not torch.equal(rgb, other) and not torch.equal(rgb, held)
    assert 0 <= concept.min() and concept.max() < 60
    nothing, _ = draw(side=(0.001, 0.002))

    def area(side):
        return ((draw(side=(side, side))[0] - nothing).abs().amax(1) > 0.1).float().mean().item()

    # Twice the side is four times the area, less what leaves the canvas.
    assert 3 < area(0.8) / area(0.4) < 4.5


def test_pictures_grow_from_easy_to_all() -> None:
    config = JudgeTraining(side=(0.4, 0.8), backgrounds=(2.0, 1.0, 1.0, 1.0, 4.0), growth=0.5)
    chunks = config.run.steps * config.run.batch // config.run.chunk
    first, half, last = (grown(config, chunk) for chunk in (0, chunks // 4, chunks // 2))
    assert first.side == pytest.approx((0.6, 0.8)) and first.backgrounds == (2.0, 1.0, 0.0, 0.0, 0.0)
    assert (first.softened, first.noisy, first.recolour, first.deform, first.finish) == (0.0,) * 5
    assert half.side == pytest.approx((0.5, 0.8)) and half.backgrounds == (2.0, 1.0, 0.5, 0.5, 2.0)
    assert last.side == pytest.approx((0.4, 0.8)) and grown(config, chunks) == last
    assert last == dataclasses.replace(config, side=last.side)


def test_softening_takes_detail_and_adds_noise_to_its_share() -> None:
    config = JudgeTraining()
    generator = torch.Generator().manual_seed(0)
    rgb = torch.rand(40, 3, 64, 64, generator=generator)

    def softer(pictures, **changes):
        return soften(pictures, dataclasses.replace(config, **changes), torch.Generator().manual_seed(1))

    assert torch.equal(softer(rgb, softened=0.0, noisy=0.0), rgb)
    detail = softer(rgb, softened=1.0, noisy=0.0).diff(dim=-1).abs().mean((1, 2, 3)) / rgb.diff(dim=-1).abs().mean()
    assert detail.max() < 0.8
    some = (softer(rgb, softened=0.5, noisy=0.0) != rgb).any(-1).any(-1).any(-1).float().mean()
    assert 0.25 < some < 0.75
    grey = torch.full_like(rgb, 0.5)
    spread = softer(grey, softened=0.0, noisy=1.0, noise=0.1).std((1, 2, 3))
    assert 0 < spread.min() and spread.max() < 0.1 * 2**0.5 * 1.05
    assert 0 <= softer(rgb, noise=5.0).min() and softer(rgb, noise=5.0).max() <= 1


def test_a_share_of_the_grounds_is_pale(sprite_store) -> None:
    config = JudgeTraining(shape=JudgeShape(size=32), side=(0.001, 0.002), backgrounds=(1.0, 0.0, 0.0, 0.0, 0.0))

    def brightness(paper: float) -> torch.Tensor:
        changed = dataclasses.replace(config, paper=paper)
        return draw_singles(changed, sprite_store, batch=256, split="train", styles=("noto",))[0].mean((1, 2, 3))

    none, half, every = (brightness(paper) for paper in (0.0, 0.5, 1.0))
    paler = (half > none + 0.01).float().mean()
    assert 0.3 < paler < 0.6 and (every > none).all()
    # Half of the way to white on average.
    assert abs(float((every - none).mean() / (1 - none).mean()) - 0.5) < 0.06


def test_a_share_of_the_pictures_shows_none_of_the_things(sprite_store) -> None:
    config = JudgeTraining(shape=JudgeShape(size=32, nothing=True), nothing=0.3)
    rgb, concept = draw_singles(config, sprite_store, batch=400, split="train", styles=("noto",))
    none = concept == len(sprite_store.concepts)
    assert 0.22 < none.float().mean() < 0.38
    with_things, names = draw_singles(
        dataclasses.replace(config, nothing=0.0), sprite_store, batch=400, split="train", styles=("noto",)
    )
    assert torch.equal(rgb[~none], with_things[~none]) and torch.equal(concept[~none], names[~none])
    assert (rgb[none] != with_things[none]).flatten(1).any(-1).float().mean() > 0.95
    never = draw_singles(
        dataclasses.replace(config, shape=JudgeShape(size=32)), sprite_store, batch=400, split="train", styles=("noto",)
    )[1]
    assert never.max() < len(sprite_store.concepts)


def test_tests_of_pale_grounds_and_of_nothing(sprite_store) -> None:
    config = JudgeTraining(shape=JudgeShape(size=32, nothing=True))
    tests = {test.name: test for test in judge_tests(config, sprite_store, count=64)}
    assert list(tests) == [
        "training styles", "training styles, softened", "as generated", "as generated, pale", "none of these",
        "unseen style",
    ]  # fmt: skip
    corner = {name: test.rgb[:, :, 0, 0].mean() for name, test in tests.items()}
    assert corner["as generated, pale"] > corner["as generated"] + 0.15
    assert (tests["none of these"].concept == len(sprite_store.concepts)).all()
    assert (tests["as generated"].concept < len(sprite_store.concepts)).all()


def test_pictures_to_calibrate_on_are_others_than_those_of_the_tests(sprite_store) -> None:
    config = JudgeTraining(shape=JudgeShape(size=32))
    first, again, second = (draw_apart(config, sprite_store, batch=16, offset=offset)[0] for offset in (1, 1, 2))
    assert torch.equal(first, again) and not torch.equal(first, second)
    tested = judge_tests(config, sprite_store, count=16)
    assert not any(torch.equal(first, test.rgb) for test in tested)
