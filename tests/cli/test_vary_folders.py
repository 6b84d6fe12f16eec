"""`gencontrol vary` of many pictures in one run."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gencontrol.pipelines import StableDiffusionImageVariationPipeline
from gencontrol.runs.files.records import read_record

Vary = Callable[..., Any]


class TestFolders:
    """Many pictures in one run."""

    @pytest.fixture
    def folders(self, scene: Path) -> Path:
        for folder in ("photos", "masks"):
            (scene / folder).mkdir()
        for name, mask in (("a", "red"), ("b", "blue"), ("c", "red")):
            shutil.copy(scene / "photo.png", scene / "photos" / f"{name}.png")
            shutil.copy(scene / f"{mask}.png", scene / "masks" / f"{name}.png")
        return scene

    def test_a_folder_of_masks_goes_with_a_folder_of_pictures(self, vary: Vary, folders: Path, pixels: Any) -> None:
        done = vary("--mask", folders / "masks", image="photos")
        assert done.code == 0, done.err
        out = folders / "out"
        assert sorted(p.name for p in out.iterdir()) == ["a-0.png", "b-0.png", "c-0.png"]
        assert np.abs(pixels(out / "a-0.png") - pixels(out / "b-0.png")).max() > 0
        assert (pixels(out / "a-0.png") == pixels(out / "c-0.png")).all()

    def test_a_missing_mask_stops_the_run_before_it_starts(self, vary: Vary, folders: Path) -> None:
        (folders / "masks" / "c.png").unlink()
        done = vary("--mask", folders / "masks", image="photos")
        assert done.code == 1
        assert "no mask named c in the folder" in done.err
        assert not (folders / "out").exists()

    def test_existing(self, vary: Vary, folders: Path) -> None:
        vary("--mask", folders / "masks", image="photos")
        (folders / "out" / "b-0.png").unlink()
        before = (folders / "out" / "a-0.png").stat().st_mtime_ns
        stopped = vary("--mask", folders / "masks", image="photos")
        assert stopped.code == 1
        assert "a-0.png and 1 more exist already: give --existing overwrite or skip" in stopped.err
        resumed = vary("--mask", folders / "masks", "--existing", "skip", image="photos")
        assert resumed.out.count("wrote") == 1
        assert (folders / "out" / "a-0.png").stat().st_mtime_ns == before
        assert "nothing to do" in vary("--mask", folders / "masks", "--existing", "skip", image="photos").out
        assert vary("--mask", folders / "masks", "--existing", "overwrite", image="photos").out.count("wrote") == 3
        assert (folders / "out" / "a-0.png").stat().st_mtime_ns > before

    def test_interrupted_between_pictures(self, vary: Vary, folders: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """What is done is whole and stays, nothing is half written, and the run goes on where it was."""
        inputs, draw = [], StableDiffusionImageVariationPipeline.__call__

        def interrupted(self: Any, *arguments: Any, **settings: Any) -> Any:
            inputs.append(settings["image"])
            if len(inputs) == 2:
                raise KeyboardInterrupt
            return draw(self, *arguments, **settings)

        monkeypatch.setattr(StableDiffusionImageVariationPipeline, "__call__", interrupted)
        embeds = folders / "e.safetensors"
        done = vary("--mask", folders / "masks", "--embeds-out", embeds, image="photos")
        assert done.code == 130
        assert done.err == (
            "gencontrol: stopped with 1 of 3 inputs done, whose pictures are written; --existing skip goes on with "
            "the others.\ngencontrol: interrupted\n"
        )
        assert [p.name for p in (folders / "out").iterdir()] == ["a-0.png"]
        assert read_record(folders / "out" / "a-0.png")["seed"] == 0
        assert not embeds.exists()
        resumed = vary("--mask", folders / "masks", "--existing", "skip", image="photos")
        assert resumed.code == 0, resumed.err
        assert sorted(p.name for p in (folders / "out").iterdir()) == ["a-0.png", "b-0.png", "c-0.png"]

    def test_embeds_of_a_folder_have_its_names(self, vary: Vary, folders: Path, differ: Any) -> None:
        vary("--mask", folders / "masks", "--embeds-out", folders / "e.safetensors", image="photos")
        assert vary("--embeds-in", folders / "e.safetensors", "-o", folders / "again", image=None).code == 0
        assert sorted(p.name for p in (folders / "again").iterdir()) == ["a-0.png", "b-0.png", "c-0.png"]
        assert not differ(folders / "out" / "b-0.png", folders / "again" / "b-0.png")

    def test_names_with_dots_stay_apart(self, vary: Vary, folders: Path) -> None:
        (folders / "photos" / "b.png").rename(folders / "photos" / "a.1.png")
        (folders / "photos" / "c.png").rename(folders / "photos" / "a.2.png")
        vary("--embeds-out", folders / "e.safetensors", image="photos")
        assert vary("--embeds-in", folders / "e.safetensors", "-o", folders / "again", image=None).code == 0
        assert sorted(p.name for p in (folders / "again").iterdir()) == ["a-0.png", "a.1-0.png", "a.2-0.png"]

    @pytest.mark.parametrize("existing", ["overwrite", "skip"])
    def test_inputs_are_not_written_over(self, existing: str, vary: Vary, folders: Path) -> None:
        shutil.copy(folders / "photo.png", folders / "photos" / "a-0.png")
        before = (folders / "photos" / "a-0.png").read_bytes()
        done = vary("-o", folders / "photos", "--existing", existing, image="photos")
        assert done.code == 1
        assert "a-0.png is one of the pictures to vary, which is not written over" in done.err
        assert (folders / "photos" / "a-0.png").read_bytes() == before

    def test_a_file_for_several_pictures_is_wrong_use(self, vary: Vary, folders: Path) -> None:
        done = vary("-o", folders / "one.png", image="photos")
        assert done.code == 2
        assert "3 pictures go in, so expected a folder" in done.err
