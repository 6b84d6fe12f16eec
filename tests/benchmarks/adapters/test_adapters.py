"""Small adapters of the real classes: their layout, what is trained, and the way from training to the table."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers.models.unets.unet_2d_condition import UNet2DConditionModel
from safetensors.torch import load_file

from benchmarks.adapters.command import (
    MeasureOptions,
    TrainOptions,
    open_trained,
    run_measuring,
    run_training,
    table,
)
from benchmarks.adapters.measuring import ROWS, draw_one, scenes_of
from benchmarks.adapters.parts import (
    adapter_parameters,
    adapter_weights,
    new_adapter,
    read_texts,
    save_adapter,
    stock_pipeline,
    text_unet,
    with_adapter,
)
from benchmarks.adapters.samples import draw
from benchmarks.adapters.task import AdapterTask, AdapterTraining
from benchmarks.focus.rows import Encoders
from benchmarks.settings import chosen_rows
from gencontrol.errors import ConfigError
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.loop.train import train

RUN = RunConfig(
    steps=3, batch=4, chunk=4, learning_rate=1e-2, warmup=1, precision="float32", ema=0.0, evaluate_every=0,
    sheet_every=0, log_every=1,
)  # fmt: skip


@pytest.fixture(scope="module")
def autoencoder(tiny) -> Any:
    return tiny.vae()


@pytest.fixture(scope="module")
def samples(sprite_store, autoencoder, encoders: Encoders) -> Any:
    return draw(sprite_store, count=64, autoencoder=autoencoder, clip=encoders.plain)


@pytest.fixture
def stage(sprite_store, autoencoder, encoders: Encoders, samples, model: Path, tmp_path_factory) -> Any:
    """Makes a stage's task; adapters stand on a base that was saved untrained."""

    def build(name: Any, **settings: Any) -> AdapterTask:
        start = model
        if name != "text":
            start = tmp_path_factory.mktemp("base")
            unet = text_unet(model, width_of(encoders))
            stock_pipeline(unet, encoders.plain, autoencoder).save_pretrained(start)
        config = AdapterTraining(run=RUN, stage=name, **settings)
        parts: Any = {"samples": samples, "tests": samples, "clip": encoders.plain, "autoencoder": autoencoder}
        return AdapterTask(config, sprite_store, **parts, start=start)

    return build


def width_of(encoders: Encoders) -> int:
    assert encoders.plain.text is not None
    return encoders.plain.text.config.hidden_size


def unet_of(task: AdapterTask) -> UNet2DConditionModel:
    unet = task.module.unet
    assert isinstance(unet, UNet2DConditionModel)
    return unet


def test_a_text_unet_keeps_all_but_what_reads_the_condition(model: Path) -> None:
    source = UNet2DConditionModel.from_pretrained(model, subfolder="unet")
    torch.manual_seed(0)
    unet = text_unet(model, 40)
    other = {n for n, v in source.state_dict().items() if not torch.equal(v, unet.state_dict().get(n, v + 1))}
    assert other and all(".attn2.to_k." in name or ".attn2.to_v." in name for name in other)
    assert unet.config["cross_attention_dim"] == 40


@pytest.mark.parametrize("kind", ["base", "plus"])
def test_an_adapter_goes_in_and_comes_out_as_published(kind: Any, model: Path, autoencoder, encoders: Encoders) -> None:
    torch.manual_seed(0)
    unet = text_unet(model, width_of(encoders))
    weights = new_adapter(unet, encoders.plain.vision, kind)
    before = {name: values.clone() for name, values in unet.state_dict().items()}
    held = with_adapter(stock_pipeline(unet, encoders.plain, autoencoder), weights)
    for part, state in adapter_weights(held).items():
        assert state.keys() == weights[part].keys()
        assert all(torch.equal(values, weights[part][name]) for name, values in state.items())
    own = {id(parameter) for parameter in adapter_parameters(held)}
    others = {name: p for name, p in held.named_parameters() if id(p) not in own}
    assert others.keys() == before.keys() and all(torch.equal(p, before[name]) for name, p in others.items())


def test_texts_are_read_as_the_stock_pipeline_reads_them(model: Path, autoencoder, encoders: Encoders) -> None:
    pipe = stock_pipeline(text_unet(model, width_of(encoders)), encoders.plain, autoencoder)
    given, nothing = pipe.encode_prompt("red disc", "cpu", 1, True)
    assert given is not None and nothing is not None
    found = read_texts(encoders.plain, ["red disc", ""])
    torch.testing.assert_close(found, torch.cat([given, nothing]), atol=1e-6, rtol=0)


def test_samples_are_the_encoders_own_views(samples, sprite_store, encoders: Encoders) -> None:
    assert len(samples.latents) == len(samples.concept) == len(samples.embeds) == len(samples.tokens) == 64
    assert samples.embeds.shape[1] == encoders.plain.embed_dim
    assert samples.tokens.shape[2] == encoders.plain.vision.config.hidden_size
    assert 0 <= samples.concept.min() and samples.concept.max() < len(sprite_store.concepts)
    assert samples.concept.unique().numel() > 5


def test_the_base_is_told_names_and_sees_no_picture(stage) -> None:
    task = stage("text", told=1.0)
    batch = task.draw(0)
    assert "image" not in batch and not torch.equal(batch["text"][0], task.empty[0])
    assert any(torch.equal(batch["text"][0], text) for text in task.texts)
    silent = stage("text", told=0.0).draw(0)
    assert torch.equal(silent["text"], task.empty.expand_as(silent["text"]))
    assert all(p.requires_grad for p in task.module.parameters())
    assert torch.equal(batch["noise"], task.draw(0)["noise"]) and not torch.equal(batch["noise"], task.draw(1)["noise"])


@pytest.mark.parametrize("kind", ["base", "plus"])
def test_adapters_are_shown_pictures_or_nothing_and_alone_are_trained(kind: Any, stage, samples) -> None:
    task = stage(kind, shown=1.0)
    given = samples.embeds if kind == "base" else samples.tokens
    batch = task.draw(0)
    assert all(any(torch.equal(image, one.float()) for one in given) for image in batch["image"])
    nothing = stage(kind, shown=0.0).draw(0)["image"]
    assert torch.equal(nothing, task.nothing().expand_as(nothing))
    assert (task.nothing() == 0).all() == (kind == "base")
    trained = {id(p) for p in task.module.parameters() if p.requires_grad}
    assert trained == {id(p) for p in adapter_parameters(unet_of(task))}


@pytest.mark.parametrize("kind", ["text", "base", "plus"])
def test_the_loss_is_of_the_velocity_and_a_sheet_is_drawn(kind: Any, stage) -> None:
    task = stage(kind)
    batch = task.draw(0)
    (loss,) = task.losses(task.module, batch).values()
    steps: Any = batch["timesteps"]
    target = task.scheduler.get_velocity(batch["latents"], batch["noise"], steps)
    perfect = task.losses(lambda *given: target, batch)["velocity"]
    assert perfect == 0 < loss and loss.isfinite()
    with torch.inference_mode():
        assert task.evaluate(task.module) == task.evaluate(task.module)
    # Sixteen pictures of 128 in two rows of eight, two pixels apart.
    assert task.sheet(task.module).size == (8 * 130 + 2, 2 * 130 + 2)


@pytest.fixture(scope="module")
def trained(sprite_file: Path, model: Path, judge_folder: Path, tmp_path_factory) -> MeasureOptions:
    """All three stages after a step each, to be measured."""
    folder = tmp_path_factory.mktemp("adapters")
    options = TrainOptions(sprites=sprite_file, output=folder / "runs", model=str(model), samples=64, steps=1)
    config = AdapterTraining(run=RUN)
    with pytest.raises(ConfigError, match="train --stage text to its end first"):
        run_training(dataclasses.replace(options, stage="plus"), config, tests=64)
    with pytest.raises(ConfigError, match="--samples: expected a multiple of 64, got 100"):
        run_training(dataclasses.replace(options, samples=100), config, tests=64)
    for name in ("text", "base", "plus"):
        run_training(dataclasses.replace(options, stage=name), config, tests=64)
    return MeasureOptions(
        sprites=sprite_file, judge=judge_folder, trained=folder / "runs", model=str(model), pictures=2, steps=2,
        output=folder / "rows.json",
    )  # fmt: skip


def test_what_is_trained_opens_as_published_and_every_row_is_measured(trained: MeasureOptions) -> None:
    saved = load_file(trained.trained / "plus" / "export" / "adapter.safetensors")
    assert "image_proj.layers.3.0.to_kv.weight" in saved and "ip_adapter.1.to_k_ip.weight" in saved
    run_measuring(trained)
    records = json.loads(trained.output.read_text())["adapters"]["records"]
    assert {key.partition("/")[0] for key in records} == {row.key for row in ROWS}
    assert all(len(record["masked"]) == 2 for record in records.values())
    printed = table(records).splitlines()
    assert len(printed) == 2 + len(ROWS) and printed[2].startswith("| base, no mask | ")


def test_the_ways_differ(trained: MeasureOptions, model: Path, encoders: Encoders, marked) -> None:
    opened = open_trained(trained, model, "plus")
    (scene,) = scenes_of(marked(count=1))

    def drawn(key: str) -> torch.Tensor:
        (row,) = chosen_rows(ROWS, (key,))
        encoder = encoders.alpha if row.alpha else opened.encoder
        return draw_one(row, opened, encoder, scene, seed=0, steps=2, guidance=3)

    whole = drawn("plus-whole")
    assert torch.equal(whole, drawn("plus-whole"))
    for one, other in (("plus-crop", "plus-blank"), ("plus-left-out", "plus-repeated"), ("plus-alpha", "plus-zoom")):
        assert not torch.equal(drawn(one), drawn(other)) and not torch.equal(drawn(one), whole)


def test_rows_are_chosen_by_their_keys() -> None:
    assert [row.key for row in chosen_rows(ROWS, ("plus-crop", "base-whole"))] == ["base-whole", "plus-crop"]
    with pytest.raises(ConfigError, match="--rows: no row crop; there are base-whole, "):
        chosen_rows(ROWS, ("crop",))


def test_training_lowers_the_loss(stage, tmp_path: Path) -> None:
    task = stage("base")
    reports: list[float] = []
    run = dataclasses.replace(RUN, steps=16, batch=8, chunk=8)
    task.config = dataclasses.replace(task.config, run=run)
    train(task, run, folder=tmp_path, report=lambda progress: reports.append(sum(progress.losses.values())))
    assert sum(reports[-5:]) < sum(reports[:5])


def test_an_adapters_file_is_flat(tmp_path: Path) -> None:
    save_adapter(
        {"image_proj": {"a": torch.ones(2)}, "ip_adapter": {"1.b": torch.zeros(1)}}, tmp_path / "x.safetensors"
    )
    assert {name: values.tolist() for name, values in load_file(tmp_path / "x.safetensors").items()} == {
        "image_proj.a": [1.0, 1.0],
        "ip_adapter.1.b": [0.0],
    }
