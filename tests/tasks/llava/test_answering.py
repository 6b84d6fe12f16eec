"""Answers are what the stock model generates from the same pixels and tokens, one by one or in batches."""

from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus import AttentionFocus, CropFocus, ZoomFocus
from gencontrol.focus.pixels import whole
from gencontrol.images.reading import read_image
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.tasks.ask import ask_regions, caption_regions
from gencontrol.tasks.llava.answering import Decoding, answers, check_focus, model_inputs, region_pixels
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.llava.opening import open_llava

SHORT = Decoding(max_tokens=8)
QUESTION = "what is it made of ?"


@pytest.fixture(scope="module")
def llava(llava_folder: Path, tiny: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> RegionLlava:
    folder = tmp_path_factory.mktemp("alpha")
    AlphaCLIP.from_clip(tiny.vision_tower(channels=4)).save_pretrained(folder / "tower")
    return open_llava(str(llava_folder), alpha_clip=folder / "tower")


@pytest.fixture(scope="module")
def scene(tiny: ModuleType) -> Scene:
    soft = torch.linspace(0, 1, 90).expand(60, 90)
    maps = [tiny.half_mask(60, 90, side="left"), tiny.half_mask(60, 90, side="right"), soft]
    return Scene(picture=read_image(tiny.photo(60, 90)), regions=tuple(Region(alpha=alpha) for alpha in maps))


def test_pixels_of_each_region(llava: RegionLlava, scene: Scene) -> None:
    pixels = region_pixels(llava, scene)
    assert pixels.shape == (3, 4, 64, 64)
    rgb = scene.picture.rgb[None]
    for row, region in zip(pixels, scene.regions, strict=True):
        torch.testing.assert_close(row[None], llava.processor(rgb, region.alpha[None].float()))
    torch.testing.assert_close(region_pixels(llava, Scene(picture=scene.picture)), whole(llava.processor, rgb))
    cut = region_pixels(llava, scene, focus=CropFocus())
    torch.testing.assert_close(cut[1:2], CropFocus().view(llava.processor, rgb, scene.regions[1].alpha[None].float()))


@torch.no_grad()
def test_answers_are_the_stock_models(llava: RegionLlava, scene: Scene) -> None:
    pixels = region_pixels(llava, scene)
    said = answers(llava, pixels, [QUESTION] * 3, decoding=SHORT)
    inputs = model_inputs(llava, pixels[1:2], [QUESTION])
    ids = inputs["input_ids"]
    model: Any = llava.model
    for _ in range(8):
        # Without a cache, and without `generate`: the likeliest token, eight times.
        logits = model(input_ids=ids, pixel_values=inputs["pixel_values"], attention_mask=torch.ones_like(ids)).logits
        ids = torch.cat([ids, logits[:, -1:].argmax(dim=-1)], dim=1)
        if ids[0, -1] == 2:
            break
    expected = llava.tokenizer.decode(ids[0, inputs["input_ids"].shape[1] :], skip_special_tokens=True)
    assert said[1] == str(expected).strip() != ""


def test_what_is_shown_and_asked_matters(llava: RegionLlava, scene: Scene) -> None:
    seen = [
        llava.model(**model_inputs(llava, region_pixels(llava, scene)[k : k + 1], [QUESTION])).logits for k in (0, 1)
    ]
    assert (seen[0] - seen[1]).abs().max() > 1e-2
    asked = {ask_regions(llava, scene, q, decoding=SHORT) for q in (QUESTION, "is it a cat ?", "wood dog")}
    assert len(asked) > 1


def test_batches_of_questions_of_different_lengths_are_as_the_loop(llava: RegionLlava, scene: Scene) -> None:
    pixels = region_pixels(llava, scene)
    questions = [QUESTION, "cat", "is it left ?"]
    alone = [answers(llava, pixels[k : k + 1], [q], decoding=SHORT)[0] for k, q in enumerate(questions)]
    for batch in (1, 2, 3):
        assert list(answers(llava, pixels, questions, decoding=Decoding(max_tokens=8, batch=batch))) == alone
    together = llava.model(**model_inputs(llava, pixels, questions)).logits[:, -1]
    single = [llava.model(**model_inputs(llava, pixels[k : k + 1], [q])).logits[0, -1] for k, q in enumerate(questions)]
    torch.testing.assert_close(together, torch.stack(single), atol=1e-4, rtol=1e-4)


def test_zero_alpha_weights_give_the_stock_answers(
    llava_folder: Path, llava_builders: ModuleType, tiny: ModuleType, scene: Scene
) -> None:
    opened, stock = open_llava(str(llava_folder)), llava_builders.llava(tiny)
    inputs = model_inputs(opened, region_pixels(opened, scene), [QUESTION] * 3)
    plain = inputs | {"pixel_values": inputs["pixel_values"][:, :3]}
    with torch.no_grad():
        assert torch.equal(opened.model(**inputs).logits, stock(**plain).logits)
    ids = stock.generate(**plain, max_new_tokens=8, do_sample=False)[:, inputs["input_ids"].shape[1] :]
    expected = [text.strip() for text in opened.tokenizer.batch_decode(ids, skip_special_tokens=True)]
    assert list(ask_regions(opened, scene, QUESTION, decoding=SHORT)) == expected


def test_pieces_are_the_answer(llava: RegionLlava, scene: Scene) -> None:
    pieces: list[str] = []
    one = Scene(picture=scene.picture, regions=scene.regions[:1])
    said = ask_regions(llava, one, QUESTION, decoding=SHORT, tell=pieces.append)
    assert "".join(pieces).strip() == said[0] and len(pieces) > 1
    assert said == ask_regions(llava, one, QUESTION, decoding=SHORT)


def test_draws_are_by_the_seed_and_leave_the_common_generator_alone(llava: RegionLlava, scene: Scene) -> None:
    def drawn(seed: int, **more: Any) -> tuple[str, ...]:
        return ask_regions(llava, scene, QUESTION, decoding=Decoding(max_tokens=8, temperature=2.0, seed=seed, **more))

    torch.manual_seed(3)
    expected = torch.rand(4)
    torch.manual_seed(3)
    first = drawn(1)
    assert torch.equal(torch.rand(4), expected)
    assert drawn(1) == first and drawn(1, batch=1) == first
    assert len({drawn(seed) for seed in range(4)}) > 1
    # The likeliest word alone is left.
    assert drawn(2, top_p=1e-6) == ask_regions(llava, scene, QUESTION, decoding=SHORT)
    last = answers(
        llava, region_pixels(llava, scene)[2:], [QUESTION], decoding=Decoding(max_tokens=8, temperature=2.0, seed=1)
    )
    assert last[0] == first[2]


def test_captions_are_what_the_model_was_trained_to_give(llava: RegionLlava, scene: Scene) -> None:
    question = "Provide a one-sentence caption for the provided image."
    assert caption_regions(llava, scene, decoding=SHORT) == ask_regions(llava, scene, question, decoding=SHORT)
    config: Any = llava.model.config
    config.region_caption_prompt = "what is it ?"
    try:
        other = caption_regions(llava, scene, decoding=SHORT)
    finally:
        del config.region_caption_prompt
    assert other == ask_regions(llava, scene, "what is it ?", decoding=SHORT)


def test_what_cannot_be_asked(llava: RegionLlava, scene: Scene) -> None:
    with pytest.raises(
        InputError, match=r"pixels: expected \(k, 4, 64, 64\) with k of at least 1, got \(1, 3, 64, 64\)"
    ):
        model_inputs(llava, torch.zeros(1, 3, 64, 64), ["cat"])
    with pytest.raises(InputError, match=r"got \(1, 4, 32, 64\)"):
        model_inputs(llava, torch.zeros(1, 4, 32, 64), ["cat"])
    with pytest.raises(InputError, match="questions: expected one for each of 2 pictures, got 3"):
        answers(llava, torch.zeros(2, 4, 64, 64), ["cat"] * 3)
    with pytest.raises(InputError, match="`focus` attention: expected one that changes what the tower is given"):
        region_pixels(llava, scene, focus=AttentionFocus())
    check_focus(ZoomFocus())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"max_tokens": 0}, "`max_tokens`: expected 1 or more"),
        ({"temperature": -0.1}, "`temperature`: expected"),
        ({"temperature": float("nan")}, "`temperature`: expected"),
        ({"top_p": 0.0}, "`top_p`: expected"),
        ({"top_p": 1.5}, "`top_p`: expected"),
        ({"seed": -1}, "`seed`: expected"),
        ({"batch": 0}, "`batch`: expected 1 or more"),
    ],
)
def test_settings_that_cannot_be(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        Decoding(**settings)
