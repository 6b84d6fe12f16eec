"""`gencontrol evaluate region-caption`, with a small random LLaVA."""

import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.images.reading import read_image
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.regions.shapes import box_alpha
from gencontrol.tasks.ask import caption_regions
from gencontrol.tasks.llava.answering import Decoding
from gencontrol.tasks.llava.opening import open_llava
from gencontrol.tasks.protocols.caption_scores import caption_scores

Run = Callable[..., Any]


@pytest.fixture
def tower(tiny: ModuleType, tmp_path: Path) -> Path:
    AlphaCLIP.from_clip(tiny.vision_tower(channels=4)).save_pretrained(tmp_path / "tower")
    return tmp_path / "tower"


@pytest.fixture
def evaluate(run: Run, refcoco_root: Path, llava_folder: Path, tmp_path: Path) -> Run:
    def evaluate_root(*arguments: object, root: Path = refcoco_root) -> Any:
        model = ("--model", llava_folder, "--max-tokens", 4, "-o", tmp_path / "c.json")
        return run("evaluate", "region-caption", "--root", root, *model, *arguments)

    return evaluate_root


def test_scores_are_of_what_the_model_says(
    evaluate: Run, refcoco_root: Path, llava_folder: Path, tower: Path, tmp_path: Path
) -> None:
    done = evaluate("--alpha-clip", tower, "--compare")
    assert done.code == 0, done.err
    record = json.loads((tmp_path / "c.json").read_text())
    assert (record["things"], record["texts"], record["source"]) == (3, 5, "refcoco")
    assert record["rows"][0]["focus"] == "alpha"
    assert record["rows"][-1]["focus"] == "whole picture"
    assert {"zoom", "crop", "blank", "blur", "circle"} < {row["focus"] for row in record["rows"]}
    llava, decoding = open_llava(str(llava_folder), alpha_clip=tower), Decoding(max_tokens=4)
    first = record["said"][0]
    picture = read_image(refcoco_root / "images" / "0.png")
    region = Region(alpha=box_alpha((4, 4, 24, 24), (64, 64)))
    scene = Scene(picture=picture, regions=(region,))
    assert first["said"]["alpha"] == caption_regions(llava, scene, decoding=decoding)[0]
    bare = Scene(picture=picture, regions=())
    assert first["said"]["whole picture"] == caption_regions(llava, bare, decoding=decoding)[0]
    assert first["written"] == ["red cat", "cat left of the dog"] and first["box"] == [4, 4, 24, 24]
    for row in record["rows"]:
        said = [one["said"][row["focus"]] for one in record["said"]]
        scores = caption_scores(said, [one["written"] for one in record["said"]])
        assert (row["cider_d"], tuple(row["bleu"]), row["rouge_l"]) == (scores.cider_d, scores.bleu, scores.rouge_l)
        assert row["meteor"] is None
    assert done.out.splitlines()[0].split() == "focus CIDEr-D BLEU-1 BLEU-2 BLEU-3 BLEU-4 ROUGE-L METEOR".split()
    assert "METEOR needs --meteor meteor-1.5.jar and Java" in done.out


def test_a_model_without_alpha_and_other_masks(evaluate: Run, run: Run, tmp_path: Path) -> None:
    done = evaluate()
    assert done.code == 1 and "This LLaVA ignores alpha" in done.err
    done = evaluate("--focus", "crop", "--segmenter", "grabcut", "--format", "json", "--limit", 2)
    assert done.code == 0, done.err
    assert [row["focus"] for row in json.loads(done.out)["rows"]] == ["crop", "whole picture"]
    done = evaluate("--focus", "attention")
    assert done.code == 1 and "LLaVA reads the tower's patches" in done.err


def test_what_cannot_be_measured(evaluate: Run, refcoco_root: Path, tmp_path: Path) -> None:
    done = evaluate("--meteor", tmp_path / "none.jar")
    assert done.code == 1 and "expected METEOR's program" in done.err
    done = evaluate("--source", "refcoc")
    assert done.code == 2 and "--source: there is no 'refcoc'" in done.err
    done = evaluate(root=refcoco_root / "images")
    assert done.code == 1 and "holds neither region_descriptions.json of Visual Genome nor" in done.err
    done = evaluate("--max-tokens", 0)
    assert done.code == 2 and "--max-tokens: expected 1 or more, got 0" in done.err
    done = evaluate("--templates", "single")
    assert done.code == 2 and "--templates is of imagenet-s, whole" in done.err
