"""`gencontrol vary` with a model that takes references, as users type it."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw

from gencontrol.cli.models import main as models
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.runs.references import carrying_out

Vary = Callable[..., Any]


@pytest.fixture
def pictures(scene: Path) -> Path:
    """The scene with a second picture, its mask, and a canvas mask."""
    with Image.open(scene / "photo.png") as photo:
        photo.rotate(180).save(scene / "2.png")
    with Image.open(scene / "blue.png") as mask:
        mask.rotate(180).save(scene / "hat.png")
    left = Image.new("L", (32, 32))
    ImageDraw.Draw(left).rectangle((0, 0, 15, 31), fill=255)
    left.save(scene / "left.png")
    return scene


@pytest.fixture(params=["sd15-ip-plus", "sdxl-ip-plus", "kolors-ip-plus"])
def draw(request: pytest.FixtureRequest, run: Any, pictures: Path, reference_folder: Callable[[str], Path]) -> Vary:
    """`vary photo.png` with a host of its own folders, in two steps; files go to `out`."""
    folder = reference_folder(request.param)
    parts = ("--base", folder / "base", "--adapter", folder, "--image-encoder", folder / "image_encoder")

    def vary(*arguments: object) -> Any:
        output = () if "-o" in arguments else ("-o", pictures / "out")
        usual = ("--model", request.param, *parts, "--steps", 2, "-n", 1)
        return run("vary", pictures / "photo.png", *usual, *output, *arguments)

    return vary


def test_the_command_of_the_documentation_and_its_repetition(run: Any, draw: Vary, pictures: Path) -> None:
    bound = f"{pictures / '2.png'},mask={pictures / 'hat.png'},weight=0.6,canvas={pictures / 'left.png'}"
    done = draw("--mask", pictures / "red.png", "--prompt", "a red ball on a car", "--reference", bound)
    path = pictures / "out" / "photo-0.png"
    assert (done.code, done.out, done.err) == (0, f"wrote {path}\n", "")
    again = run("vary", "--from", path, "-o", pictures / "again.png")
    assert again.code == 0 and (pictures / "again.png").read_bytes() == path.read_bytes()
    other = run("vary", "--from", path, "-o", pictures / "other.png", "--prompt", "a blue fish")
    assert other.code == 0 and (pictures / "other.png").read_bytes() != path.read_bytes()


def test_one_of_several_is_drawn_with_the_others_again(
    run: Any, draw: Vary, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = draw("--mask", pictures / "red.png", "--prompt", "a red ball", "-n", 2)
    assert done.code == 0, done.err
    made, drawn, stock = pictures / "out" / "photo-1.png", list[tuple[Any, int]](), carrying_out.draw_references

    def counted(opened: Any, references: Any, seeds: Any, drawing: Any) -> Any:
        drawn.append((tuple(seeds), drawing.batch))
        return stock(opened, references, seeds, drawing)

    monkeypatch.setattr(carrying_out, "draw_references", counted)
    again = run("vary", "--from", made, "-o", pictures / "again.png")
    assert again.code == 0 and (pictures / "again.png").read_bytes() == made.read_bytes()
    assert run("vary", "--from", made, "-o", pictures / "other.png", "--weight", 0.5).code == 0
    assert drawn == [((0, 1), 2), ((1,), 1)]


def test_several_references_and_sheets_as_json(draw: Vary, pictures: Path) -> None:
    one, two = f"{pictures / '2.png'},box=10%,10%,60%,60%", f"{pictures / 'photo.png'},strength=0.5"
    done = draw(
        "--box", "0,0,40,40", "--reference", one, "--reference", two, "--preview", "--format", "json", "--slicing"
    )
    report = json.loads(done.out)
    assert done.code == 0 and report["host"] == report["model"]
    assert report["encoder"] == REFERENCE_HOSTS[report["host"]].encoder
    assert [output["seed"] for output in report["outputs"]] == [0]
    assert [sheet["kind"] for sheet in report["sheets"]] == ["preview"] and report["dtype"] == "float32"


def test_a_prompt_on_kandinsky(run: Any, pictures: Path, reference_folder: Callable[[str], Path]) -> None:
    """Its prior reads it; a repetition is the same picture, and a prior that reads none is one line."""
    folder = reference_folder("kandinsky-2.2")
    parts = ("--model", "kandinsky-2.2", "--base", folder / "base", "--prior", folder / "prior", "-n", 1, "--steps", 2)
    usual = (pictures / "photo.png", *parts, "--mask", pictures / "red.png", "--height", 64, "--width", 64)
    made = {}
    for name, more in {"cup": (), "more": ("--text-share", 0.8), "car": ("--prompt", "a car")}.items():
        done = run("vary", *usual, "--prompt", "a cup", *more, "-o", pictures / f"{name}.png")
        assert (done.code, done.err) == (0, "")
        made[name] = (pictures / f"{name}.png").read_bytes()
    assert len(set(made.values())) == 3
    again = run("vary", "--from", pictures / "more.png", "-o", pictures / "again.png")
    assert again.code == 0 and (pictures / "again.png").read_bytes() == made["more"]
    bare = pictures / "bare"
    shutil.copytree(folder / "prior", bare)
    index = json.loads((bare / "model_index.json").read_text())
    (bare / "model_index.json").write_text(json.dumps(index | {"tokenizer": [None, None]}))
    done = run("vary", *usual, "--prior", bare, "--prompt", "a cup", "-o", pictures / "no.png")
    assert done.code == 1 and done.err == (
        f"gencontrol: {bare} was saved without tokenizer, so that it makes no embedding of a text: leave --prompt out, "
        "or name a whole prior.\n"
    )


def test_pictures_are_ranked_by_what_they_are_to_show(draw: Vary, pictures: Path, tiny_folder: Path) -> None:
    right = Image.new("L", (32, 32))
    ImageDraw.Draw(right).rectangle((18, 4, 31, 28), fill=255)
    right.save(pictures / "right.png")
    bound = f"{pictures / '2.png'},mask={pictures / 'hat.png'},canvas={pictures / 'right.png'}"
    both = ("--mask", pictures / "red.png", "--canvas-mask", pictures / "left.png", "--reference", bound, "-n", 2)
    ways = ("--phrase-model", tiny_folder, "--segmenter", "box", "--relation", "a thing left of a thing")
    done = draw(*both, *ways)
    # The masks that the references act by lie so.
    assert done.code == 0 and "2 of 2 show 'a thing left of a thing' with a probability of 50% or more" in done.out
    assert "things were found by box in the boxes of the canvas masks" in done.out and "accepted" in done.out
    turned = draw(*both, *ways[:-1], "a thing around a thing", "--format", "json", "-o", pictures / "other")
    found = json.loads(turned.out)["ranking"]
    assert [one["accepted"] for one in found] == [False, False] and all(one["regions"] == 2 for one in found)
    assert {Path(one["path"]).name for one in found} == {"photo-0.png", "photo-1.png"}
    refused = draw(*both, "--relation", "a cat of a dog", "--phrase-model", tiny_folder, "--dry-run", "-o", "x")
    assert refused.code == 1 and "'of a dog' is not understood" in refused.err
    refused = draw("--mask", pictures / "red.png", "--relation", "a cat left of a dog", "--dry-run", "-o", "x")
    assert refused.code == 2 and "--relation: name a --grounder that finds things in the drawn pictures" in refused.err


def test_settings_from_a_file(draw: Vary, pictures: Path) -> None:
    file = pictures / "s.yaml"
    file.write_text(json.dumps({"prompt": "a cup", "reference": [f"{pictures / '2.png'},weight=0.5"], "weight": 0.8}))
    done = draw("--config", file, "--dry-run")
    assert (done.code, done.out) == (0, f"would write {pictures / 'out' / 'photo-0.png'}\n")
    file.write_text(json.dumps({"reference": [f"{pictures / '2.png'},wieght=0.5"]}))
    assert draw("--config", file, "--dry-run").code == 2


@pytest.mark.parametrize(
    ("flags", "code", "message"),
    [
        (["--reference", "2.png,wieght=1"], 2, "--reference 2.png,wieght=1: no key 'wieght'"),
        (["--reference", "no.png"], 1, "no.png"),
        (["--reference", ""], 2, "--reference is empty"),
        (["--weight", "3"], 1, "--weight: expected a number from 0 to 2"),
        (["--canvas-mask", "{scene}/red.png"], 1, "--canvas-mask: 80 x 64 pixels are not of the output's shape"),
        (["--negative-prompt", "x", "--guidance", "1"], 1, "--negative-prompt: it acts through"),
        (["--true-guidance", "2"], 1, "--true-guidance: "),
        (["--embeds-out", "e.safetensors"], 2, "--embeds-out: a model that takes references"),
        (["--sweep", "strength=0:1:2"], 2, "--sweep: a model that takes references"),
        (["--adapter", "{scene}/ip.bin"], 1, "--adapter {scene}/ip.bin is a pickle"),
        (["--offload", "model", "--device", "cpu"], 1, "--offload model moves weights"),
        (["-o", "{scene}/2.png", "--reference", "{scene}/2.png", "--existing", "overwrite"], 1, "not written over"),
    ],
)
def test_one_line_of_what_is_wrong(flags: list[str], code: int, message: str, draw: Vary, pictures: Path) -> None:
    done = draw("--mask", pictures / "red.png", *(flag.format(scene=pictures) for flag in flags))
    assert (done.code, done.out) == (code, "")
    assert message.format(scene=pictures) in done.err and done.err.count("\n") == 1
    assert not (pictures / "out").exists()


def test_models_that_take_no_references_say_so(run: Any, pictures: Path, tiny_folder: Path) -> None:
    done = run("vary", pictures / "photo.png", "--model", tiny_folder, "--prompt", "x", "--weight", 0.5, "--dry-run")
    assert done.code == 2 and "--prompt, --weight: the model" in done.err and "`gencontrol models`" in done.err


def test_a_name_with_a_slip(run: Any, pictures: Path) -> None:
    done = run("vary", pictures / "photo.png", "--model", "sdxl-ip-plu")
    assert (done.code, done.err.startswith("gencontrol: --model: there is no 'sdxl-ip-plu'; did you mean")) == (2, True)


def test_what_is_not_here_is_one_line_offline(
    run: Any, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    done = run("vary", pictures / "photo.png", "--model", "sdxl-ip-plus", "--offline")
    assert done.code == 1 and done.err == (
        "gencontrol: sdxl-ip-plus needs stabilityai/stable-diffusion-xl-base-1.0 (base) and h94/IP-Adapter (adapter) "
        "and h94/IP-Adapter (vision tower): not in this machine's cache, and the hub is not asked (--offline).\n"
    )


def test_models_lists_what_each_needs(capsys: pytest.CaptureFixture[str]) -> None:
    models([])
    printed = capsys.readouterr().out
    rows = {
        line.split()[0]: line for line in printed.splitlines() if line.split() and line.split()[0] in REFERENCE_HOSTS
    }
    assert rows.keys() == set(REFERENCE_HOSTS)
    assert "Apache-2.0 / CreativeML OpenRAIL++-M" in rows["sdxl-ip-plus"] and "h94/IP-Adapter" in rows["sdxl-ip-plus"]
    assert "10.3 GB" in rows["sdxl-ip-plus"] and "not known" in rows["karlo"]
    assert "kolors-ip-plus: commercial use of Kolors needs" in printed
    models(["--references", "--format", "json"])
    listed = json.loads(capsys.readouterr().out)
    assert {entry["state"] for entry in listed} <= {"cached", "partly cached", "not here"}
