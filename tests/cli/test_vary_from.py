"""`gencontrol vary --from`: a run that is repeated from its picture's record."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from gencontrol.runs import drawing
from gencontrol.runs.files.records import read_record

Vary = Callable[..., Any]


class TestFrom:
    """`--from OUT.png` repeats the run."""

    @pytest.fixture
    def first(self, vary: Vary, scene: Path) -> Path:
        path = scene / "first.png"
        mask, negative = scene / "red.png", scene / "blue.png"
        flags = ("--feather", 4, "--invert", "--strength", 0.8, "--seed", 6, "-n", 1, "--scheduler", "euler")
        assert vary("--mask", mask, "--negative-mask", negative, *flags, "-o", path).code == 0
        return path

    def test_repeats(self, run: Any, scene: Path, first: Path, pixels: Any) -> None:
        (scene / "red.png").unlink()
        done = run("vary", "--from", first, "-o", scene / "again.png")
        assert done.code == 0, done.err
        assert (pixels(first) == pixels(scene / "again.png")).all()

    def test_a_repeated_picture_can_be_repeated(self, run: Any, scene: Path, first: Path, pixels: Any) -> None:
        run("vary", "--from", first, "-o", scene / "again.png")
        run("vary", "--from", scene / "again.png", "-o", scene / "third.png")
        assert (pixels(first) == pixels(scene / "third.png")).all()

    def test_flags_win(self, run: Any, scene: Path, first: Path) -> None:
        assert run("vary", "--from", first, "--seed", "1,2", "-o", scene / "out").code == 0
        assert sorted(p.name for p in (scene / "out").iterdir()) == ["photo-1.png", "photo-2.png"]
        assert run("vary", "--from", first, "-n", 2, "-o", scene / "two").code == 0
        assert sorted(p.name for p in (scene / "two").iterdir()) == ["photo-6.png", "photo-7.png"]

    def test_another_seed_is_one_picture_too(self, run: Any, scene: Path, first: Path) -> None:
        for seed, more, count in (("4", (), 1), ("random", (), 1), ("4", ("-n", 2), 2), ("4-6", (), 3)):
            folder = scene / f"{seed}{count}"
            assert run("vary", "--from", first, "--seed", seed, *more, "-o", folder).code == 0
            assert len(list(folder.iterdir())) == count
        assert [path.name for path in (scene / "41").iterdir()] == ["photo-4.png"]

    def test_a_recorded_switch_can_be_switched_off(
        self, run: Any, vary: Vary, scene: Path, first: Path, pixels: Any
    ) -> None:
        done = run("vary", "--from", first, "--no-invert", "-o", scene / "again.png")
        assert done.code == 0, done.err
        settings = read_record(scene / "again.png")["settings"]
        assert (settings["invert"], settings["feather"]) == (False, 4.0)
        flags = ("--feather", 4, "--strength", 0.8, "--seed", 6, "-n", 1, "--scheduler", "euler")
        vary("--mask", scene / "red.png", "--negative-mask", scene / "blue.png", *flags, "-o", scene / "direct.png")
        assert (pixels(scene / "direct.png") == pixels(scene / "again.png")).all()
        assert np.abs(pixels(first) - pixels(scene / "again.png")).max() > 0

    def test_a_recorded_region_is_not_switched_off_in_silence(self, run: Any, scene: Path, first: Path) -> None:
        done = run("vary", "--from", first, "--no-alpha-from-image", "--dry-run", "-o", scene / "again.png")
        assert done.code == 2
        assert "--no-alpha-from-image: a record holds its regions as masks" in done.err
        anew = ("--no-alpha-from-image", "--box", "48,20,72,52")
        assert run("vary", "--from", first, *anew, "--dry-run", "-o", scene / "again.png").code == 0

    def test_a_region_given_now_wins(self, run: Any, scene: Path, first: Path) -> None:
        run("vary", "--from", first, "--box", "48,20,72,52", "-o", scene / "box.png")
        assert read_record(scene / "box.png")["regions"][0]["label"] == "box 48,20,72,52"
        assert len(read_record(scene / "box.png")["negative_regions"]) == 1

    def test_a_file_lies_between(self, run: Any, scene: Path, first: Path) -> None:
        (scene / "settings.yaml").write_text("steps: 3\nfeather: 1")
        run("vary", "--from", first, "--config", scene / "settings.yaml", "--feather", 2, "-o", scene / "c.png")
        settings = read_record(scene / "c.png")["settings"]
        assert (settings["steps"], settings["feather"], settings["strength"]) == (3, 2.0, 0.8)

    def test_seeds_of_a_file_are_as_many_as_it_lists(self, run: Any, scene: Path, first: Path) -> None:
        (scene / "settings.yaml").write_text("seed: 1,2")
        done = run("vary", "--from", first, "--config", scene / "settings.yaml", "-o", scene / "out")
        assert done.code == 0, done.err
        assert sorted(p.name for p in (scene / "out").iterdir()) == ["photo-1.png", "photo-2.png"]

    def test_a_schedule_takes_the_recorded_strengths_place(
        self, run: Any, scene: Path, first: Path, pixels: Any
    ) -> None:
        done = run("vary", "--from", first, "--schedule", "1:0", "-o", scene / "s.png")
        assert done.code == 0, done.err
        settings = read_record(scene / "s.png")["settings"]
        assert (settings["strength"], settings["schedule"]) == (1.0, "1:0")
        # And back.
        done = run("vary", "--from", scene / "s.png", "--strength", 0.8, "-o", scene / "again.png")
        assert done.code == 0, done.err
        assert (pixels(first) == pixels(scene / "again.png")).all()

    def test_embeddings_take_the_recorded_pictures_place(
        self, run: Any, vary: Vary, scene: Path, first: Path, differ: Any
    ) -> None:
        blue = ("--mask", scene / "blue.png")
        vary(*blue, "--embeds-out", scene / "e.safetensors", "-o", scene / "b.png")
        done = run("vary", "--from", first, "--embeds-in", scene / "e.safetensors", "-o", scene / "c.png")
        assert done.code == 0, done.err
        record = read_record(scene / "c.png")
        assert (record["image"], record["regions"], record["seed"]) == (None, [], 6)
        assert (record["settings"]["scheduler"], record["settings"]["strength"]) == ("euler", 1.0)
        vary(*blue, "--scheduler", "euler", "--seed", 6, "-n", 1, "-o", scene / "d.png")
        assert not differ(scene / "c.png", scene / "d.png")

    def test_a_recorded_negative_region_needs_guidance(self, run: Any, scene: Path, first: Path) -> None:
        done = run("vary", "--from", first, "--guidance", 1, "-o", scene / "c.png")
        assert done.code == 2
        assert "--negative-mask acts through classifier-free guidance" in done.err

    def test_a_moved_input_is_found_out(self, run: Any, scene: Path, first: Path, pixels: Any) -> None:
        (scene / "photo.png").rename(scene / "moved.png")
        done = run("vary", "--from", first, "-o", scene / "again.png")
        assert done.code == 1
        assert "photo.png, which is not there: give its new place as IMAGE" in done.err
        done = run("vary", scene / "moved.png", "--from", first, "-o", scene / "again.png")
        assert done.code == 0
        assert done.err == ""
        assert (pixels(first) == pixels(scene / "again.png")).all()

    def test_a_changed_input_is_found_out(self, run: Any, scene: Path, first: Path) -> None:
        Image.new("RGB", (80, 64), "green").save(scene / "photo.png")
        done = run("vary", "--from", first, "-o", scene / "again.png")
        assert done.code == 1
        assert "which has changed since" in done.err
        done = run("vary", scene / "photo.png", "--from", first, "-o", scene / "again.png")
        assert done.code == 0
        assert "is not the picture that" in done.err

    def test_a_picture_of_another_size_is_refused(self, run: Any, scene: Path, first: Path) -> None:
        """Before any weight is loaded: --dry-run finds it."""
        Image.new("RGB", (50, 64)).save(scene / "small.png")
        done = run("vary", scene / "small.png", "--from", first, "-o", scene / "again.png", "--dry-run")
        assert done.code == 1
        assert "small.png is 50 x 64, and the recorded regions are of a picture of 80 x 64" in done.err
        Image.new("L", (50, 64), 255).save(scene / "mask.png")
        point = ("--box", "5,5,20,20", "--negative-mask", scene / "mask.png")
        assert run("vary", scene / "small.png", "--from", first, *point, "-o", scene / "b.png", "--dry-run").code == 0

    def test_a_row_of_embeddings_is_repeated_alone(
        self, run: Any, vary: Vary, scene: Path, pixels: Any, differ: Any
    ) -> None:
        vectors = torch.randn(3, 24, generator=torch.Generator().manual_seed(0))
        save_file({"image_embeds": vectors}, scene / "e.safetensors")
        assert vary("--embeds-in", scene / "e.safetensors", "--seed", 4, "-n", 1, image=None).out.count("wrote") == 3
        made = scene / "out" / "e-1-4.png"
        assert read_record(made)["embeds"]["row"] == 1
        done = run("vary", "--from", made, "-o", scene / "again.png")
        assert done.out == f"wrote {scene / 'again.png'}\n"
        assert (pixels(made) == pixels(scene / "again.png")).all()
        # Moved, and named anew: still that row.
        (scene / "e.safetensors").rename(scene / "moved.safetensors")
        missing = run("vary", "--from", made, "-o", scene / "c.png")
        assert missing.code == 1
        assert "e.safetensors, which is not there: give its new place as --embeds-in" in missing.err
        run("vary", "--from", made, "--embeds-in", scene / "moved.safetensors", "-o", scene / "c.png")
        assert (pixels(made) == pixels(scene / "c.png")).all()
        # Another file, or a picture, takes the place of the recorded one.
        save_file({"image_embeds": vectors[:1]}, scene / "other.safetensors")
        run("vary", "--from", made, "--embeds-in", scene / "other.safetensors", "-o", scene / "d.png")
        assert differ(made, scene / "d.png")
        assert run("vary", scene / "photo.png", "--from", made, "-o", scene / "f.png").code == 0
        assert read_record(scene / "f.png")["image"]["path"] == str(scene / "photo.png")

    def test_a_changed_file_of_embeddings_is_found_out(self, run: Any, vary: Vary, scene: Path) -> None:
        save_file({"image_embeds": torch.ones(1, 24)}, scene / "e.safetensors")
        vary("--embeds-in", scene / "e.safetensors", "-o", scene / "a.png", image=None)
        save_file({"image_embeds": torch.zeros(1, 24)}, scene / "e.safetensors")
        done = run("vary", "--from", scene / "a.png", "-o", scene / "b.png")
        assert done.code == 1
        assert "e.safetensors, which has changed since" in done.err

    def test_a_file_of_settings_names_no_run(self, vary: Vary, scene: Path) -> None:
        (scene / "settings.yaml").write_text("from_picture: a.png")
        done = vary("--config", scene / "settings.yaml")
        assert done.code == 2
        assert "give --from as a flag" in done.err

    def test_one_picture_only(self, run: Any, scene: Path, first: Path) -> None:
        done = run("vary", scene / "photo.png", scene / "cutout.png", "--from", first)
        assert done.code == 2
        assert "--from repeats the run of one picture, and 2 are given" in done.err


def test_a_jpeg_is_repeated_as_a_jpeg_unless_something_else_is_said(vary: Vary, run: Any, scene: Path) -> None:
    vary("--mask", scene / "red.png", "-o", scene / "first.jpg")
    for flags, name in (
        (("-o", scene / "a"), "a/photo-0.jpg"),
        (("-o", scene / "b", "--encoding", "png"), "b/photo-0.png"),
        (("-o", scene / "c.webp"), "c.webp"),
    ):
        done = run("vary", "--from", scene / "first.jpg", *flags)
        assert (done.code, done.out) == (0, f"wrote {scene / name}\n"), done.err


def test_one_of_several_is_drawn_with_the_others_again(
    run: Any, vary: Vary, scene: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another number of pictures at once rounds another way: by a level, here or there."""
    assert vary("--mask", scene / "red.png", "-n", 3, "--batch", 2).code == 0
    first, second, third = (scene / "out" / f"photo-{seed}.png" for seed in range(3))
    assert [read_record(path).get("together") for path in (first, second, third)] == [[0, 1], [0, 1], None]
    drawn, draw = list[tuple[int, ...]](), drawing._draw_batch

    def counted(pipeline: Any, seeds: Any, *given: Any, **more: Any) -> Any:
        drawn.append(tuple(seeds))
        return draw(pipeline, seeds, *given, **more)

    monkeypatch.setattr(drawing, "_draw_batch", counted)
    for number, path in enumerate((second, third)):
        again = scene / f"again-{number}.png"
        assert run("vary", "--from", path, "-o", again).code == 0
        assert again.read_bytes() == path.read_bytes()
    changes = (("--strength", 0.5), ("--seed", 0), ("--batch", 1), ("--sweep", "strength=0.5,1"))
    for number, more in enumerate(changes):
        assert run("vary", "--from", second, *more, "-o", scene / f"other-{number}").code == 0
    assert drawn == [(0, 1), (2,), (1,), (0,), (1,), (1,), (1,)]
