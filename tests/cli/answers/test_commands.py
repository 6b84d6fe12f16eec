"""`gencontrol ask` and `gencontrol caption` on a small LLaVA."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.images.reading import read_image
from gencontrol.regions.masks import from_mask
from gencontrol.regions.scene import Scene
from gencontrol.tasks.ask import ask_regions
from gencontrol.tasks.llava.answering import Decoding
from gencontrol.tasks.llava.opening import open_llava

Run = Callable[..., Any]
QUESTION = "what is it made of ?"


@pytest.fixture
def tower(tiny: ModuleType, tmp_path: Path) -> Path:
    AlphaCLIP.from_clip(tiny.vision_tower(channels=4)).save_pretrained(tmp_path / "tower")
    return tmp_path / "tower"


@pytest.fixture
def ask(run: Run, scene: Path, llava_folder: Path, tower: Path) -> Run:
    def ask_scene(*arguments: object, command: str = "ask") -> Any:
        model = ("--model", llava_folder, "--alpha-clip", tower, "--max-tokens", 6)
        return run(command, scene / "photo.png", *arguments, *model)

    return ask_scene


def test_a_question_about_each_region(ask: Run, scene: Path, llava_folder: Path, tower: Path) -> None:
    masks = ("--mask", scene / "red.png", "--mask", scene / "blue.png")
    done = ask(QUESTION, *masks, "--format", "json")
    assert done.code == 0, done.err
    rows = json.loads(done.out)
    regions = tuple(from_mask(scene / f"{name}.png", size=(64, 80)) for name in ("red", "blue"))
    wanted = ask_regions(
        open_llava(str(llava_folder), alpha_clip=tower),
        Scene(picture=read_image(scene / "photo.png"), regions=regions),
        QUESTION,
        decoding=Decoding(max_tokens=6),
    )
    assert [(row["region"], row["answer"]) for row in rows] == list(zip(("red", "blue"), wanted, strict=True))
    assert {row["question"] for row in rows} == {QUESTION}
    named = ask(*masks, "-q", QUESTION)
    assert [" ".join(line.split()[1:]) for line in named.out.splitlines()[1:]] == [
        f"{name} {' '.join(answer.split())}" for name, answer in zip(("red", "blue"), wanted, strict=True)
    ]


def test_streamed_answers_are_the_same(ask: Run, scene: Path) -> None:
    masks = ("--mask", scene / "red.png", "--mask", scene / "blue.png")
    rows = json.loads(ask(QUESTION, *masks, "--format", "json").out)
    lines = ask(QUESTION, *masks, "--stream").out.rstrip("\n").split("\n")
    assert [line.rstrip() for line in lines] == [f"{row['image']} {row['region']}: {row['answer']}" for row in rows]
    refused = ask(QUESTION, *masks, "--stream", "--format", "json")
    assert refused.code == 2 and "--stream shows answers as they come" in refused.err


def test_captions_and_files(ask: Run, scene: Path) -> None:
    asked = ("--box", "10%,10%,50%,50%", "--focus", "crop")
    rows = json.loads(ask(*asked, "-o", scene / "said.json", "--format", "json", command="caption").out)
    assert rows[0]["question"] == "Provide a one-sentence caption for the provided image."
    assert json.loads((scene / "said.json").read_text(encoding="utf-8")) == rows
    done = ask(*asked, "-o", scene / "said.csv", command="caption")
    assert done.out.splitlines()[-1] == f"wrote {scene / 'said.csv'}"
    with (scene / "said.csv").open(encoding="utf-8") as file:
        assert list(csv.DictReader(file)) == rows
    kept = ask(*asked, "-o", scene / "said.csv", command="caption")
    assert kept.code == 1 and "exists already: give --overwrite, or another -o" in kept.err


def test_what_changes_the_answer_or_its_words(ask: Run, scene: Path) -> None:
    mask = ("--mask", scene / "red.png", "--format", "json")

    def answer(*more: object) -> str:
        done = ask(QUESTION, *mask, *more)
        assert done.code == 0, done.err
        return json.loads(done.out)[0]["answer"]

    drawn = [answer("--temperature", 3.0, "--seed", seed) for seed in (1, 1, 2, 3)]
    assert drawn[0] == drawn[1] and len(set(drawn)) > 1
    assert answer("--temperature", 3.0, "--top-p", 0.000001) == answer()
    assert len({answer(), answer("--focus", "zoom"), answer("--fit", "squash"), answer("--focus", "blank")}) > 1
    assert answer("--dtype", "bfloat16")


def test_a_model_that_ignores_alpha_says_so(run: Run, scene: Path, llava_folder: Path) -> None:
    asked = ("caption", scene / "photo.png", "--mask", scene / "red.png", "--model", llava_folder, "--max-tokens", 4)
    done = run(*asked)
    assert (
        done.code == 1 and "This LLaVA ignores alpha" in done.err and "give an Alpha-CLIP as --alpha-clip" in done.err
    )
    assert run(*asked, "--focus", "alpha").code == 1
    assert run(*asked, "--focus", "crop").code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((QUESTION,), 2, "No region is shown: say what it is about with --mask, --box, --point, --phrase or"),
        (("--box", "0%,0%,50%,50%"), 2, "Nothing is asked: give --question, or what ends in"),
        (("-q", " ", "--box", "0%,0%,50%,50%"), 2, "-q is empty"),
        (("-q", "is <region 1> blue", "--box", "0%,0%,50%,50%"), 1, "names regions by number"),
        (
            (QUESTION, "--box", "0%,0%,50%,50%", "--focus", "attention"),
            1,
            "--focus attention: expected one that changes",
        ),
        ((QUESTION, "--box", "0%,0%,50%,50%", "--seed", 3), 2, "--top-p and --seed are of words that are drawn"),
        ((QUESTION, "--box", "0%,0%,50%,50%", "--level", 0.5), 2, "--level: each region is asked about by itself"),
        ((QUESTION, "--box", "0%,0%,50%,50%", "-o", "said.txt"), 2, "-o said.txt: expected a name that ends in .csv"),
        ((QUESTION, "--box", "0%,0%,50%,50%", "--temperature", -1), 2, "--temperature: expected"),
        ((QUESTION, "--box", "0%,0%,50%,50%", "--offload", "model", "--device", "cpu"), 1, "--offload model moves"),
    ],
)
def test_what_cannot_be_asked(arguments: tuple[object, ...], code: int, message: str, ask: Run) -> None:
    done = ask(*arguments)
    assert (done.code, done.out) == (code, "") and message in done.err, done.err


def test_a_mask_of_another_size(ask: Run, scene: Path, tiny: ModuleType) -> None:
    tiny.photo(20, 30).convert("L").save(scene / "small.png")
    done = ask(QUESTION, "--mask", scene / "small.png")
    assert done.code == 1 and "30 x 20" in done.err and not done.out


def test_a_model_that_is_none(run: Run, scene: Path, tiny_folder: Path) -> None:
    mask = ("--mask", scene / "red.png")
    done = run("caption", scene / "photo.png", *mask, "--model", tiny_folder / "alpha_clip", "--offline")
    assert done.code == 1 and "is a model of type 'clip'" in done.err and "expected LLaVA-1.5" in done.err


def test_where_a_question_may_stand(ask: Run, scene: Path) -> None:
    masks, wanted = ("--mask", scene / "red.png"), "what is it made of ?"
    said = {ask(*order).out for order in ((wanted, *masks), (*masks, wanted), (*masks, "--offline", wanted))}
    assert len(said) == 1 and "red" in said.pop()
    # A flag's value is no question, whatever it ends in.
    done = ask(*masks, "--output", "said?", wanted)
    assert done.code == 2 and "-o said?: expected a name that ends in .csv or .json" in done.err
    twice = ask(wanted, *masks, wanted)
    assert twice.code == 2 and wanted in twice.err
