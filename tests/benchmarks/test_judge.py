"""The judge's arithmetic, and that it learns; nothing is timed here."""

import dataclasses
import importlib
import json
from pathlib import Path
from types import ModuleType

import pytest
import torch
from accelerate.state import AcceleratorState, GradientState, PartialState
from torch.utils.flop_counter import FlopCounterMode

from gencontrol.errors import CheckpointError, InputError
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.stages.recognition import recognise


@pytest.fixture(scope="module")
def bench() -> dict[str, ModuleType]:
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
        return {name: importlib.import_module(name) for name in ("judge", "judge_model", "judge_training")}


@pytest.fixture(scope="module")
def model(bench: dict[str, ModuleType]) -> ModuleType:
    return bench["judge_model"]


@pytest.fixture(scope="module")
def training(bench: dict[str, ModuleType]) -> ModuleType:
    return bench["judge_training"]


@pytest.fixture
def fresh_accelerate():
    yield
    for state in (AcceleratorState, GradientState, PartialState):
        state._reset_state()


def small_judge(model: ModuleType, logits: list[float]):
    """Says the same of every picture."""
    torch.manual_seed(0)
    net = model.JudgeNet(model.JudgeShape(size=16, widths=(4, 8)), len(logits)).eval()
    net.head.weight.data.zero_()
    net.head.bias.data.copy_(torch.tensor(logits))
    return model.Judge(net=net.requires_grad_(False), slugs=tuple(f"thing-{i}" for i in range(len(logits))))


def test_a_margin_is_positive_where_the_marked_one_is_ahead(model: ModuleType) -> None:
    scores = torch.tensor([[0.0, 1.0, 2.0, 5.0]]).expand(4, 4)
    concept = torch.tensor([2, 3, 0, 1])
    others = torch.tensor([[3, -1], [2, 0], [-1, 1], [-1, -1]])
    found = model.margins(scores, concept, others)
    assert found[:3].tolist() == [-3.0, 3.0, -1.0]
    assert found[3].isnan()
    assert model.margins(scores, concept, others[:, :0]).isnan().all()


def test_hits_count_the_best_names(model: ModuleType) -> None:
    scores = torch.tensor([[0.1, 0.4, 0.3, 0.2]]).expand(4, 4)
    concept = torch.arange(4)
    assert model.top_hits(scores, concept, 1).tolist() == [False, True, False, False]
    assert model.top_hits(scores, concept, 2).tolist() == [False, True, True, False]
    assert model.top_hits(scores, concept, 4).all()


def test_a_verdict_of_known_logits(model: ModuleType) -> None:
    logits = [0.5, 2.0, -1.0]
    verdict = small_judge(model, logits)(torch.rand(2, 3, 40, 56, generator=torch.Generator().manual_seed(0)))
    odds = torch.tensor(logits).exp()
    torch.testing.assert_close(verdict.log_probabilities.exp(), (odds / odds.sum()).expand(2, 3))
    assert verdict.ranking.tolist() == [[1, 0, 2]] * 2
    assert verdict.features.shape == (2, 16) and verdict.features.min() >= 0


def test_the_batch_does_not_matter(model: ModuleType) -> None:
    pictures = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    judge = small_judge(model, [0.0, 1.0])
    torch.testing.assert_close(judge(pictures, batch=2).features, judge(pictures).features)


def test_pictures_are_low_passed_before_they_shrink(model: ModuleType) -> None:
    stripes = torch.zeros(1, 3, 64, 64)
    stripes[..., ::4] = 1
    shrunk = model.fit_square(stripes, 16)
    # Points between the stripes would be black.
    torch.testing.assert_close(shrunk[..., 2:-2], torch.full((1, 3, 16, 12), 0.25), atol=0.02, rtol=0)
    assert model.fit_square(shrunk, 16) is shrunk


def test_what_is_no_batch_of_pictures_is_refused(model: ModuleType) -> None:
    with pytest.raises(InputError, match=r"pictures \(b, 3, h, w\), got \(3, 16, 16\)"):
        small_judge(model, [0.0])(torch.zeros(3, 16, 16))


def test_a_saved_judge_says_the_same(model: ModuleType, tmp_path: Path) -> None:
    judge = dataclasses.replace(small_judge(model, [0.5, 2.0, -1.0]), facts={"seed": 7})
    model.save_judge(judge, tmp_path / "judge")
    opened = model.open_judge(tmp_path / "judge")
    assert (opened.slugs, opened.facts, opened.net.shape) == (judge.slugs, judge.facts, judge.net.shape)
    pictures = torch.rand(3, 3, 16, 16, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(opened(pictures).features, judge(pictures).features, atol=1e-2, rtol=1e-2)
    with pytest.raises(CheckpointError, match=r"judge\.py train"):
        model.open_judge(tmp_path)
    (tmp_path / "judge" / model.WEIGHTS).write_bytes(b"cut off")
    with pytest.raises(CheckpointError, match="No judge that can be opened"):
        model.open_judge(tmp_path / "judge")


def test_a_store_of_other_concepts_is_refused(model: ModuleType, sprite_store) -> None:
    judge = small_judge(model, [0.0] * len(sprite_store.concepts))
    with pytest.raises(InputError, match="knows 60 concepts"):
        judge.check_concepts(sprite_store)
    dataclasses.replace(judge, slugs=tuple(c.slug for c in sprite_store.concepts)).check_concepts(sprite_store)


def test_it_is_cheap_and_small(model: ModuleType) -> None:
    net = model.JudgeNet(model.JudgeShape(), 409).to("meta").eval()
    with FlopCounterMode(display=False) as counter:
        net(torch.empty(1, 3, 64, 64, device="meta"))
    assert counter.get_total_flops() / 2 < 50e6
    assert sum(p.numel() for p in net.parameters()) * 2 < 3e6


def test_singles_are_drawn_by_index_and_split(training: ModuleType, model: ModuleType, sprite_store) -> None:
    config = training.JudgeTraining(shape=model.JudgeShape(size=32))

    def draw(split="train", index=0, **changes):
        changed = dataclasses.replace(config, **changes)
        return training.draw_singles(
            changed, sprite_store, batch=64, split=split, styles=("noto", "twemoji"), index=index
        )

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


def test_pictures_grow_from_easy_to_all(training: ModuleType) -> None:
    config = training.JudgeTraining(side=(0.4, 0.8), backgrounds=(2.0, 1.0, 1.0, 1.0, 4.0), growth=0.5)
    chunks = config.run.steps * config.run.batch // config.run.chunk
    first, half, last = (training.grown(config, chunk) for chunk in (0, chunks // 4, chunks // 2))
    assert first.side == pytest.approx((0.6, 0.8)) and first.backgrounds == (2.0, 1.0, 0.0, 0.0, 0.0)
    assert (first.softened, first.noisy) == (0.0, 0.0)
    assert half.side == pytest.approx((0.5, 0.8)) and half.backgrounds == (2.0, 1.0, 0.5, 0.5, 2.0)
    assert last.side == pytest.approx((0.4, 0.8)) and training.grown(config, chunks) == last
    assert (last.softened, last.noisy, last.backgrounds) == (config.softened, config.noisy, config.backgrounds)


def test_features_hold_mean_and_maximum(model: ModuleType) -> None:
    torch.manual_seed(0)
    net = model.JudgeNet(model.JudgeShape(size=32, widths=(4, 6)), 3).eval()
    mean, largest = net.features(torch.rand(2, 3, 32, 32)).chunk(2, dim=-1)
    assert mean.shape == (2, 6) and (largest > mean).all()


def test_softening_takes_detail_and_adds_noise_to_its_share(training: ModuleType) -> None:
    config = training.JudgeTraining()
    generator = torch.Generator().manual_seed(0)
    rgb = torch.rand(40, 3, 64, 64, generator=generator)

    def soften(pictures, **changes):
        return training.soften(pictures, dataclasses.replace(config, **changes), torch.Generator().manual_seed(1))

    assert torch.equal(soften(rgb, softened=0.0, noisy=0.0), rgb)
    detail = soften(rgb, softened=1.0, noisy=0.0).diff(dim=-1).abs().mean((1, 2, 3)) / rgb.diff(dim=-1).abs().mean()
    assert detail.max() < 0.8
    some = (soften(rgb, softened=0.5, noisy=0.0) != rgb).any(-1).any(-1).any(-1).float().mean()
    assert 0.25 < some < 0.75
    grey = torch.full_like(rgb, 0.5)
    spread = soften(grey, softened=0.0, noisy=1.0, noise=0.1).std((1, 2, 3))
    assert 0 < spread.min() and spread.max() < 0.1 * 2**0.5 * 1.05
    assert 0 <= soften(rgb, noise=5.0).min() and soften(rgb, noise=5.0).max() <= 1


@pytest.mark.usefixtures("fresh_accelerate")
def test_it_learns_resumes_and_says_how_good_it_is(
    bench: dict[str, ModuleType],
    sprite_file: Path,
    sprite_store,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
) -> None:
    judge, training, model = bench["judge"], bench["judge_training"], bench["judge_model"]
    run = RunConfig(
        steps=120, batch=32, chunk=32, learning_rate=5e-3, warmup=10, precision="float32", ema=0.9, seed=3,
        evaluate_every=0, sheet_every=0, checkpoint_every=60,
    )  # fmt: skip
    quiet = {"side": (0.6, 0.95), "backgrounds": (1.0, 0.5, 0.0, 0.0, 0.0), "softened": 0.1, "noisy": 0.1}
    config = training.JudgeTraining(run=run, shape=model.JudgeShape(size=24, widths=(12, 24, 48)), **quiet)
    options = judge.TrainOptions(sprites=sprite_file, output=tmp_path / "run", steps=120, until=60)
    judge.run_training(options, config)
    judge.run_training(dataclasses.replace(options, until=None), config)
    assert (tmp_path / "run" / "export" / model.WEIGHTS).is_file()
    to = tmp_path / "judge"
    judge.run_export(judge.ExportOptions(sprites=sprite_file, output=tmp_path / "run", to=to, scenes=120), config)
    facts = json.loads(capsys.readouterr().out)
    opened = model.open_judge(to)
    assert opened.facts == facts and facts["pictures"] == 120 * 32 and facts["steps"] == "120 of 120"
    assert len(facts["drawings"]) == 6 and any("CC-BY-4.0, @iconify-json/twemoji" in d for d in facts["drawings"])
    assert facts["accuracy"]["chance"] == round(1 / 60, 4)
    known, drawn = (facts["accuracy"][name] for name in ("training styles", "as generated"))
    assert known["scenes"] == 120 and known["top5"] >= known["top1"]
    # Twelve shapes in five colours: the colour alone would be a twelfth.
    assert drawn["top1"] > 1.5 / 12
    # Stated once more, from the judge's own verdicts.
    (test, *others) = training.judge_tests(config, sprite_store, count=120)
    hits = model.top_hits(opened(test.rgb).log_probabilities, test.concept, 1)
    assert abs(hits.float().mean().item() - known["top1"]) < 1e-3
    assert [t.name for t in others] == ["training styles, softened", "as generated", "unseen style"]
    perfect = recognise(lambda rgb, alpha: torch.eye(60)[test.concept], torch.eye(60), test)
    assert perfect.top1 == 1.0


def test_nothing_to_export(bench: dict[str, ModuleType], sprite_file: Path, tmp_path: Path) -> None:
    judge = bench["judge"]
    with pytest.raises(InputError, match="no checkpoint: train first"):
        judge.run_export(judge.ExportOptions(sprites=sprite_file, output=tmp_path))
