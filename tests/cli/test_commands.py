"""score, embed, convert, models and doctor, in process."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load_file

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.cli import doctor
from gencontrol.images.reading import read_image
from gencontrol.models.registry import PRESETS
from gencontrol.runs.machine.devices import devices


class TestScore:
    """`gencontrol score`."""

    def test_equals_the_encoder(self, run: Any, scene: Path, tiny_folder: Path) -> None:
        regions = ("--mask", scene / "red.png", "--box", "48,20,72,52")
        texts = ("--text", "red ball", "-t", "blue car")
        done = run("score", scene / "photo.png", *regions, *texts, "--model", tiny_folder, "--format", "json")
        rows = json.loads(done.out)
        assert [row["region"] for row in rows] == ["red", "box 48,20,72,52"]
        encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
        alpha = read_image(scene / "red.png").rgb.mean(dim=0)
        with torch.no_grad():
            expected = encoder.similarity(read_image(scene / "photo.png"), ["red ball", "blue car"], alpha)[0]
            assert encoder.logit_scale is not None
            shares = (encoder.logit_scale.exp() * expected).softmax(dim=0)
        scores = rows[0]["scores"]
        assert [scores[t]["cosine"] for t in ("red ball", "blue car")] == pytest.approx(expected.tolist(), abs=1e-5)
        assert [scores[t]["share"] for t in ("red ball", "blue car")] == pytest.approx(shares.tolist(), abs=1e-4)

    def test_the_whole_picture_where_no_region_is_shown(self, run: Any, scene: Path, tiny_folder: Path) -> None:
        done = run("score", scene / "photo.png", "--text", "red", "--model", tiny_folder)
        assert done.out.splitlines()[0].split() == ["image", "region", "text", "cosine", "share"]
        assert "whole picture" in done.out
        assert "100.0%" in done.out

    def test_takes_a_folder_and_an_encoder(self, run: Any, scene: Path, tiny_folder: Path) -> None:
        flags = ("--text", "red", "--format", "json")
        by_encoder = run("score", scene / "photo.png", "--model", tiny_folder / "alpha_clip", *flags)
        by_name = run("score", scene / "photo.png", "--alpha-clip", tiny_folder / "alpha_clip", *flags)
        assert by_encoder.out == by_name.out
        plain = run("score", scene / "photo.png", "--model", tiny_folder / "clip", *flags)
        assert plain.code == 0
        assert plain.out != by_name.out

    def test_fit_and_focus_act(self, run: Any, scene: Path, tiny_folder: Path) -> None:
        flags = ("--mask", scene / "red.png", "--text", "red", "--model", tiny_folder, "--format", "json")
        settings = ([], ["--fit", "squash"], ["--focus", "circle"], ["--focus", "attention"])
        printed = {run("score", scene / "photo.png", *flags, *more).out for more in settings}
        assert len(printed) == 4

    @pytest.mark.parametrize(
        ("flags", "code", "message"),
        [
            ([], 2, "No text is given"),
            (["--text", "zebra"], 1, "zebra"),
            (["--text", "red", "--box", "900,0,901,1"], 1, "outside the image"),
            (["--text", "red", "--box", "0,0,7,64", "--fit", "crop"], 1, "outside the centre crop"),
        ],
    )
    def test_what_is_refused(
        self, flags: list[str], code: int, message: str, run: Any, scene: Path, tiny_folder: Path
    ) -> None:
        done = run("score", scene / "photo.png", "--model", tiny_folder, *flags)
        assert (done.code, message in done.err) == (code, True), done.err

    @pytest.mark.parametrize("command", ["score", "embed"])
    def test_what_the_encoder_sees_little_of_is_told(
        self, command: str, run: Any, scene: Path, tiny_folder: Path
    ) -> None:
        output = ["-o", scene / "e.safetensors"] if command == "embed" else []
        flags = ("--box", "0,0,20,64", "--fit", "crop", "--text", "red", "--model", tiny_folder, *output)
        done = run(command, scene / "photo.png", *flags)
        assert done.code == 0
        text = "gencontrol: The encoder's centre crop cuts off 40% of the region; 'pad' or 'squash' keep it whole."
        assert done.err == f"{text}\n"

    def test_a_plain_clip_wants_another_focus(self, run: Any, scene: Path, tiny_folder: Path) -> None:
        flags = ("--mask", scene / "red.png", "--text", "red", "--model", tiny_folder / "clip")
        refused = run("score", scene / "photo.png", *flags, "--focus", "alpha")
        assert refused.code == 1
        assert "its alpha weights are zero" in refused.err
        assert run("score", scene / "photo.png", *flags).code == 0


class TestEmbed:
    """`gencontrol embed`."""

    def test_rows(self, run: Any, scene: Path, tiny_folder: Path) -> None:
        file = scene / "e.safetensors"
        regions = ("--mask", f"{scene}/red.png:3", "--box", "48,20,72,52:1", "--negative-mask", scene / "blue.png")
        flags = ("--model", tiny_folder, "--text", "red", "-o", file)
        done = run("embed", scene / "photo.png", *regions, *flags)
        assert done.code == 0, done.err
        assert "image_embeds (1, 24)" in done.out
        tensors = load_file(file)
        assert {name: tuple(t.shape) for name, t in tensors.items()} == {
            "image_embeds": (1, 24),
            "negative_image_embeds": (1, 24),
            "region_embeds": (2, 24),
            "text_embeds": (1, 24),
        }
        mean = (3 * tensors["region_embeds"][0] + tensors["region_embeds"][1]) / 4
        assert torch.cosine_similarity(mean, tensors["image_embeds"][0], dim=0) > 1 - 1e-5
        with safe_open(file, framework="pt") as opened:
            labels = opened.metadata()
        assert json.loads(labels["names"]) == ["photo.png"]
        assert json.loads(labels["regions"]) == ["photo.png: red", "photo.png: box 48,20,72,52"]

    def test_equals_what_vary_writes(self, run: Any, scene: Path, tiny_folder: Path) -> None:
        for strength in ("1", "0.4"):
            flags = ("--mask", scene / "red.png", "--strength", strength, "--model", tiny_folder)
            run("embed", scene / "photo.png", *flags, "-o", scene / "a.safetensors", "--overwrite")
            more = ("--steps", 1, "-n", 1, "-o", scene / "x.png", "--existing", "overwrite")
            run("vary", scene / "photo.png", *flags, *more, "--embeds-out", scene / "b.safetensors")
            first, second = (load_file(scene / f"{n}.safetensors")["image_embeds"] for n in "ab")
            torch.testing.assert_close(first, second)

    def test_does_not_write_over_a_file(self, run: Any, scene: Path, tiny_folder: Path) -> None:
        done = run("embed", scene / "photo.png", "--model", tiny_folder, "-o", scene / "photo.png")
        assert done.code == 1
        assert "is one of the pictures to embed, which is not written over: give another -o" in done.err

    @pytest.mark.parametrize(
        ("flags", "message"),
        [
            ([], "No picture is given"),
            (["{scene}/photo.png", "--strength", "3"], "--strength: expected a number from 0"),
            (["{scene}/photo.png", "--feather", "-1"], "--feather: expected 0 or more pixels"),
        ],
    )
    def test_wrong_use(self, flags: list[str], message: str, run: Any, scene: Path, tiny_folder: Path) -> None:
        given = [flag.format(scene=scene) for flag in flags]
        done = run("embed", *given, "--text", "red", "--model", tiny_folder, "-o", scene / "e.safetensors")
        assert (done.code, message in done.err) == (2, True), done.err
        assert not (scene / "e.safetensors").exists()

    def test_takes_a_mere_encoder(self, run: Any, scene: Path, tiny_folder: Path) -> None:
        flags = ("--model", tiny_folder / "alpha_clip", "--format", "json", "-o", scene / "e.safetensors")
        done = run("embed", scene / "photo.png", scene / "cutout.png", *flags)
        assert json.loads(done.out)["tensors"] == {"image_embeds": [2, 24], "region_embeds": [2, 24]}


class TestConvert:
    """`gencontrol convert`."""

    def test_a_clip_becomes_an_alpha_clip_that_ignores_alpha(
        self, run: Any, scene: Path, tiny_folder: Path, tmp_path: Path
    ) -> None:
        done = run("convert", tiny_folder / "clip", "-o", tmp_path / "made")
        assert done.code == 0, done.err
        assert "alpha weights of zero, with a text tower" in done.out
        made = AlphaCLIP.from_pretrained(tmp_path / "made")
        picture = read_image(scene / "photo.png")
        alpha = torch.zeros(picture.size)
        alpha[:10] = 1
        with torch.no_grad():
            torch.testing.assert_close(made.encode_image(picture, alpha), made.encode_image(picture))
        again = run("convert", tiny_folder / "clip", "-o", tmp_path / "made")
        assert again.code == 1
        assert "exists already: give --overwrite" in again.err

    def test_an_open_clip_model_by_its_name(self, run: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """OpenCLIP's own small configuration, and weights in a file: nothing is fetched."""
        from open_clip import factory

        vision = {"layers": 1, "width": 32, "head_width": 16, "patch_size": 16, "image_size": 32}
        text = {"context_length": 8, "vocab_size": 64, "width": 32, "heads": 2, "layers": 1}
        config = {"embed_dim": 24, "vision_cfg": vision, "text_cfg": text}
        monkeypatch.setitem(factory._MODEL_CONFIGS, "ViT-small", config)
        weights = factory.create_model("ViT-small").state_dict()
        torch.save(weights, tmp_path / "weights.pt")
        flags = ("--pretrained", tmp_path / "weights.pt", "--offline")
        done = run("convert", "ViT-small", *flags, "-o", tmp_path / "made")
        assert done.code == 0, done.err
        made = AlphaCLIP.from_pretrained(tmp_path / "made")
        torch.testing.assert_close(made.vision.visual_projection.weight, weights["visual.proj"].T)

    def test_other_files_are_found_before_anything_is_loaded(self, run: Any, tmp_path: Path) -> None:
        (tmp_path / "made").mkdir()
        (tmp_path / "made" / "thesis.txt").touch()
        done = run("convert", "somebody/clip", "--overwrite", "--offline", "-o", tmp_path / "made")
        assert done.code == 1
        assert "made holds other things (thesis.txt)" in done.err

    def test_a_subfolder_in_another_dtype(self, run: Any, tiny_folder: Path, tmp_path: Path) -> None:
        flags = ("--subfolder", "image_encoder", "--dtype", "bfloat16", "--format", "json", "--offline")
        done = run("convert", tiny_folder, *flags, "-o", tmp_path / "made")
        about = json.loads(done.out)
        assert (about["has_alpha"], about["has_text"]) == (False, False)
        tensors = load_file(next((tmp_path / "made").glob("*.safetensors")))
        assert {tensor.dtype for tensor in tensors.values() if tensor.is_floating_point()} == {torch.bfloat16}

    def test_a_published_checkpoint(self, run: Any, published: Path, tiny_folder: Path, tmp_path: Path) -> None:
        base = ("--base", tiny_folder / "clip", "--format", "json")
        done = run("convert", published, *base, "--kind", "published", "-o", tmp_path / "made", "--revision", "main")
        about = json.loads(done.out)
        assert (about["has_alpha"], about["has_text"]) == (True, True)
        projection = torch.load(published, weights_only=True)["proj"]
        made = AlphaCLIP.from_pretrained(tmp_path / "made")
        torch.testing.assert_close(made.vision.visual_projection.weight, projection.T)

    @pytest.mark.parametrize(
        ("flags", "code", "message"),
        [
            (["{tmp}/source"], 2, "Expected a source and a folder to write"),
            (["{tmp}/nowhere", "-o", "{tmp}/made"], 1, "nowhere"),
            (["{tmp}/broken.pth", "-o", "{tmp}/made"], 1, "broken.pth"),
            (["ViT-L-99", "--kind", "open_clip", "-o", "{tmp}/made"], 1, "ViT-L-99"),
            (["ViT-B-32", "--kind", "open_clip", "--pretrained", "tagg", "-o", "{tmp}/made"], 1, "tagg"),
            # Names that OpenCLIP knows need no --kind; --offline keeps it from fetching.
            (["ViT-L-14", "-o", "{tmp}/made"], 1, "Say which weights of ViT-L-14 to load: pretrained=..."),
            (
                ["ViT-L-14", "--pretrained", "openai", "-o", "{tmp}/made"],
                1,
                "OpenCLIP would fetch the weights 'openai'",
            ),
            (["hf-hub:a/b", "-o", "{tmp}/made"], 1, "OpenCLIP would fetch hf-hub:a/b"),
            (
                ["{tmp}/broken.pth", "--pretrained", "x", "-o", "{tmp}/made"],
                2,
                "--pretrained goes with --kind open_clip",
            ),
            (["somebody/clip", "--base", "x", "-o", "{tmp}/made"], 2, "--base goes with --kind published"),
        ],
    )
    def test_what_is_refused(self, flags: list[str], code: int, message: str, run: Any, tmp_path: Path) -> None:
        (tmp_path / "broken.pth").write_bytes(b"no checkpoint")
        done = run("convert", *(flag.format(tmp=tmp_path) for flag in flags), "--offline")
        assert (done.code, message in done.err) == (code, True), done.err
        assert not (tmp_path / "made").exists()


class TestModels:
    """`gencontrol models`."""

    def test_lists_every_preset(self, run: Any) -> None:
        printed = run("models").out
        for preset in PRESETS.values():
            line = next(line for line in printed.splitlines() if line.startswith(f"{preset.name} "))
            assert preset.licence in line
            assert preset.encoder in line

    def test_json(self, run: Any) -> None:
        listed = json.loads(run("models", "--format", "json").out)
        assert [preset["name"] for preset in listed] == list(PRESETS)
        assert {preset["state"] for preset in listed} <= {"here", "cached", "not here"}
        found = {preset["name"]: preset["alpha_clip_from"] for preset in listed}
        assert found == {
            "tiny": "comes with it",
            "sd-image-variation": "--alpha-clip FILE",
            "stable-unclip-small": "--alpha-clip FILE",
            "stable-unclip-large": "none published",
        }

    def test_hosts_of_references(self, run: Any) -> None:
        printed = run("models", "--references").out
        assert printed.splitlines()[0].split()[0] == "name"
        assert "\nflux-kontext  " in printed and "\nflux2: FLUX.2 [dev] is for non-commercial use" in printed
        both = run("models", "--markdown", "--format", "json")
        assert both.code == 2 and "--markdown and --format json are two forms" in both.err
        listed = json.loads(run("models", "--references", "--format", "json").out)
        assert {"sdxl-ip-plus", "flux-redux", "karlo"} <= {host["name"] for host in listed}

    def test_the_documentation_has_the_table_of_hosts_as_it_is_printed(self, run: Any) -> None:
        command = "gencontrol models --references --markdown"
        printed = run(*command.split()[1:]).out.split("\n\n")[0]
        text = (Path(__file__).parents[2] / "docs" / "hosts.md").read_text(encoding="utf-8")
        _, after = text.split(f"    {command}\n\n")
        assert after.split("\n\n")[0] == printed and printed.count("\n") == 17
        readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
        assert "](docs/hosts.md#pipelines-of-your-own)" in readme and "\n## Pipelines of your own\n" in text


class TestDoctor:
    """`gencontrol doctor`."""

    def test_reports_versions_and_devices(self, run: Any) -> None:
        done = run("doctor", "--format", "json")
        report = json.loads(done.out)
        assert done.code == 0
        assert torch.__version__.startswith(report["torch"]["state"])
        assert report["devices"]["state"] == ", ".join(devices())
        assert report["gencontrol"]["ok"]

    def test_finds_the_ffmpeg_that_a_package_brought(self, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
        for brought, state in ((Path("x"), "found (imageio-ffmpeg's)"), (None, "missing")):
            monkeypatch.setattr(doctor, "brought_ffmpeg", lambda brought=brought: brought)
            report = json.loads(run("doctor", "--format", "json").out)
            assert report["ffmpeg"]["state"] == state and report["npm"]["state"] == "missing"
            assert ("pip install imageio-ffmpeg" in report["ffmpeg"]["hint"]) == (brought is None)

    def test_says_what_is_missing_and_how_to_get_it(self, run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(doctor, "REQUIRED", ("torch", "no-such-package"))
        monkeypatch.setattr(doctor, "OPTIONAL", {"no-such-extra": ("flying", "pip install wings")})
        monkeypatch.setattr(doctor, "PROGRAMS", {"no-such-program": ("digging", "buy a spade")})
        done = run("doctor")
        assert done.code == 1
        for line in ("pip install no-such-package", "for flying: pip install wings", "for digging: buy a spade"):
            assert line in done.out
