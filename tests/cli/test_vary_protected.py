"""`gencontrol vary` and `embed` lose nothing: inputs, earlier results, what another run writes meanwhile."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from gencontrol.runs.files.encodings import to_chunk
from gencontrol.runs.files.records import read_record

Vary = Callable[..., Any]
OVER = ("--existing", "overwrite", "--dry-run")


def test_a_strangers_record_writes_no_file(run: Any, vary: Vary, scene: Path) -> None:
    assert vary("--mask", scene / "red.png", "-n", 1, "-o", scene / "a.png").code == 0
    (scene / "precious.txt").write_text("mine")
    record = read_record(scene / "a.png")
    record["settings"] |= {"embeds_out": str(scene / "precious.txt"), "existing": "overwrite", "grid": True}
    with Image.open(scene / "a.png") as image:
        image.save(scene / "stranger.png", pnginfo=to_chunk(record))
    done = run("vary", "--from", scene / "stranger.png", "-o", scene / "b.png")
    assert done.code == 0, done.err
    assert "also sets --embeds-out, --existing, --grid, which is not repeated" in done.err
    assert (scene / "precious.txt").read_text() == "mine" and not (scene / "b-grid.png").exists()


@pytest.mark.parametrize(
    ("flags", "what"),
    [
        (["--mask", "{scene}/red.png", "-o", "{scene}/red.png"], "red.png is a mask"),
        (["--mask", "{scene}/red.png", "-o", "{scene}/link.png"], "link.png is a mask"),
        (["--index-mask", "{scene}/classes.png=3", "-o", "{scene}/classes.png"], "classes.png is a mask"),
        (["--negative-mask", "{scene}/blue.png", "-o", "{scene}/blue.png"], "blue.png is a negative mask"),
        (["--negative-mask", "{scene}/blue.png", "--embeds-out", "{scene}/blue.png"], "blue.png is a negative mask"),
        (["--config", "{scene}/s.png", "-o", "{scene}/s.png"], "s.png is the file of settings"),
        (["--model", "{scene}/model", "--embeds-out", "{scene}/model/model_index.json"], "is a file of the model"),
    ],
)
def test_no_input_is_written_over(flags: list[str], what: str, vary: Vary, scene: Path, tiny_folder: Path) -> None:
    (scene / "link.png").symlink_to("red.png")
    (scene / "s.png").write_text("steps: 2")
    if "{scene}/model" in flags:
        shutil.copytree(tiny_folder, scene / "model")
    done = vary(*(flag.format(scene=scene) for flag in flags), "-n", 1, *OVER)
    assert done.code == 1, done.err
    assert f"{what}, which is not written over: give another -o" in done.err


def test_no_embeddings_and_no_picture_to_repeat_is_written_over(run: Any, vary: Vary, scene: Path) -> None:
    save_file({"image_embeds": torch.ones(1, 24)}, scene / "e.png")
    done = vary("--embeds-in", scene / "e.png", "-n", 1, "-o", scene / "e.png", *OVER, image=None)
    assert (done.code, "e.png is the file of embeddings, which is not written over" in done.err) == (1, True)
    assert vary("-n", 1, "-o", scene / "a.png").code == 0
    done = run("vary", "--from", scene / "a.png", "-o", scene / "a.png", *OVER)
    assert (done.code, "a.png is the picture to repeat, which is not written over" in done.err) == (1, True)


@pytest.mark.parametrize("name", ["photo.png", "red.png", "blue.png", "hard.safetensors"])
def test_embed_writes_over_no_input(name: str, run: Any, scene: Path, tiny_folder: Path) -> None:
    os.link(scene / "red.png", scene / "hard.safetensors")
    masks = ("--mask", scene / "red.png", "--negative-mask", scene / "blue.png")
    flags = ("--model", tiny_folder, "-o", scene / name, "--overwrite")
    before = (scene / name).read_bytes()
    done = run("embed", scene / "photo.png", *masks, *flags)
    assert (done.code, "which is not written over" in done.err) == (1, True), done.err
    assert (scene / name).read_bytes() == before


def test_embeddings_are_named_as_what_they_are(run: Any, vary: Vary, scene: Path, tiny_folder: Path) -> None:
    done = run("embed", scene / "photo.png", "--model", tiny_folder, "-o", scene / "x.txt")
    text = f"-o {scene}/x.txt: embeddings are written as safetensors; name it x.safetensors."
    assert (done.code, text in done.err) == (2, True), done.err
    done = vary("--embeds-out", scene / "x.npy", "--dry-run")
    assert (done.code, "name it x.safetensors" in done.err) == (2, True), done.err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["-o", "/dev/full.png"], "/dev/full.png is the system's own"),
        (["-o", "{scene}/pipe.png"], "pipe.png is a device, a pipe or a socket"),
        (["--embeds-out", "/dev/full"], "/dev/full is a device, a pipe or a socket"),
        (["-o", "{scene}/" + "n" * 252 + ".png"], "cannot be written: File name too long"),
        (["-o", "{scene}/loop/a.png"], "leads nowhere"),
        (["--mask", "{scene}/loop"], "loop"),
        (["--embeds-in", "{scene}/pipe.png"], "leave out the picture"),
    ],
)
def test_places_that_are_none(flags: list[str], message: str, vary: Vary, scene: Path) -> None:
    os.mkfifo(scene / "pipe.png")
    (scene / "loop").symlink_to("loop")
    done = vary(*(flag.format(scene=scene) for flag in flags), "-n", 1, *OVER)
    assert done.code in (1, 2), done.err
    assert message in done.err and "Traceback" not in done.err


def test_pictures_that_are_none(run: Any, scene: Path, tiny_folder: Path) -> None:
    os.mkfifo(scene / "pipe.png")
    (scene / "loop").symlink_to("loop")
    for picture, message in (
        (scene / "pipe.png", "pipe.png is a pipe; expected an image file"),
        (scene / "loop", "loop"),
        ("https://x.org/a.png", "is an address; expected a picture's file or a folder of pictures: download it first"),
        ("n" * 300, "cannot be read: File name too long"),
    ):
        done = run("vary", picture, "--model", tiny_folder, "--dry-run")
        assert (done.code, message in done.err) == (1, True), done.err


def test_results_in_the_folder_of_the_pictures_are_not_varied_again(vary: Vary, scene: Path) -> None:
    photos = scene / "photos"
    photos.mkdir()
    shutil.copy(scene / "photo.png", photos / "a.png")
    flags = ("-n", 1, "--grid", "-o", photos, "--existing", "overwrite")
    assert vary(*flags, image="photos").code == 0
    again = vary(*flags, image="photos")
    assert again.code == 0, again.err
    assert "2 of the pictures in" in again.err and "results of earlier runs, which are left out" in again.err
    assert sorted(path.name for path in photos.iterdir()) == ["a-0.png", "a-grid.png", "a.png"]
    refused = vary(*flags, "--no-metadata", image="photos")
    assert (refused.code, "--no-metadata: results in" in refused.err) == (2, True)


def test_what_another_run_writes_meanwhile_is_kept(vary: Vary, scene: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one is done first: this one says so, and does not say that it wrote."""
    from gencontrol.runs import variation

    draw = variation.draw_scene

    def while_another_writes(*arguments: Any, **settings: Any) -> Any:
        (scene / "out").mkdir(exist_ok=True)
        Image.new("RGB", (8, 8), "green").save(scene / "out" / "photo-0.png")
        return draw(*arguments, **settings)

    monkeypatch.setattr(variation, "draw_scene", while_another_writes)
    done = vary("-n", 1)
    assert (done.code, done.out) == (1, "")
    assert "photo-0.png is there by now: another run has written it meanwhile, and it is kept" in done.err
    (scene / "out" / "photo-0.png").unlink()
    skipped = vary("-n", 2, "--existing", "skip")
    assert (skipped.code, skipped.out) == (0, f"wrote {scene}/out/photo-1.png\n")
    with Image.open(scene / "out" / "photo-0.png") as image:
        assert image.size == (8, 8)


@pytest.mark.parametrize("suffix", ["jpg", "webp"])
def test_other_encodings_hold_their_record(suffix: str, run: Any, vary: Vary, scene: Path, differ: Any) -> None:
    assert vary("--mask", scene / "red.png", "-n", 1, "--encoding", suffix).code == 0
    made = scene / "out" / f"photo-0.{suffix}"
    assert run("vary", "--from", made, "-o", scene / "again.png").code == 0
    if suffix == "webp":
        assert not differ(made, scene / "again.png")


def test_a_seed_that_is_drawn_is_recorded(vary: Vary, scene: Path) -> None:
    done = vary("--seed", "random", "-n", 2, "--format", "json")
    seeds = [output["seed"] for output in json.loads(done.out)["outputs"]]
    assert seeds[1] == seeds[0] + 1 and 0 <= seeds[0] < 2**32
    assert read_record(scene / "out" / f"photo-{seeds[0]}.png")["seed"] == seeds[0]
    assert vary("--seed", "-1", "--dry-run").out.count("would write") == 4


def test_folders_in_folders(vary: Vary, scene: Path) -> None:
    for folder, name in (("photos/one", "a"), ("photos/two", "a"), ("photos/.hidden", "b")):
        (scene / folder).mkdir(parents=True)
        shutil.copy(scene / "photo.png", scene / folder / f"{name}.png")
    for folder, mask in (("masks/one", "red"), ("masks/two", "blue")):
        (scene / folder).mkdir(parents=True)
        shutil.copy(scene / f"{mask}.png", scene / folder / "a.png")
    done = vary("--recursive", "--mask", scene / "masks", "-n", 1, "--grid", image="photos")
    assert done.code == 0, done.err
    found = sorted(str(path.relative_to(scene / "out")) for path in (scene / "out").rglob("*.png"))
    assert found == ["one/a-0.png", "one/a-grid.png", "two/a-0.png", "two/a-grid.png"]
    assert "No pictures in the folder" in vary(image="photos").err
    (scene / "masks" / "two" / "a.png").unlink()
    done = vary("--recursive", "--mask", scene / "masks", "--existing", "overwrite", image="photos")
    assert f"no mask named a in the folder {scene}/masks/two" in done.err


def test_of_several_pictures_each_message_names_its_own(vary: Vary, scene: Path) -> None:
    (scene / "photos").mkdir()
    for name in ("a", "b"):
        shutil.copy(scene / "photo.png", scene / "photos" / f"{name}.png")
    Image.new("RGB", (20, 20)).save(scene / "photos" / "b.png")
    done = vary("--mask", scene / "red.png", "--dry-run", image="photos")
    assert done.code == 1
    assert f"gencontrol: {scene}/photos/b.png: {scene}/red.png: The mask is 80 x 64" in done.err
    done = vary("--mask", scene / "red.png", "--resize-mask", "--dry-run", image="photos")
    assert f"gencontrol: {scene}/photos/b.png: " in done.err and f"{scene}/photos/a.png: " not in done.err


def test_nothing_is_written_into_a_model_that_is_read(vary: Any, scene: Path, tiny_folder: Path) -> None:
    before = sorted(tiny_folder.rglob("*"))
    for output in (tiny_folder, tiny_folder / "new" / "folder", tiny_folder / "one.png"):
        done = vary("--mask", scene / "red.png", "-o", output)
        assert done.code == 1 and "is in the model, which is not written over: give another -o" in done.err
    assert sorted(tiny_folder.rglob("*")) == before
