"""The benchmark's arithmetic on made-up encoders, and that it runs; nothing is timed here."""

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image
from torch.nn import functional

from gencontrol.errors import ConfigError
from gencontrol.images.picture import to_pil
from gencontrol.pipelines import open_pipeline
from gencontrol.sprites.catalog import training_styles
from gencontrol.training.stages.recognition import RecognitionSet, recognise, recognition_set


def unit(rows: int, width: int = 16) -> torch.Tensor:
    return functional.normalize(torch.randn(rows, width, generator=torch.Generator().manual_seed(2)), dim=-1)


class TestScenes:
    def test_they_are_those_of_the_recognition_tests(self, bench: Any, sprite_store, marked) -> None:
        found = marked()
        same = recognition_set(sprite_store, sprites=3, size=32, count=12, styles=training_styles(), seed=5)
        assert torch.equal(found.rgb, same.rgb) and torch.equal(found.alpha, same.alpha)
        assert torch.equal(found.concept, same.concept)

    def test_others_are_the_rest_of_the_scene(self, bench: Any, marked) -> None:
        found = marked()
        assert ((found.others >= 0).sum(-1) == 2).all()
        assert not (found.others == found.concept[:, None]).any()
        assert (marked(sprites=1).others < 0).all()

    def test_alone_is_the_scene_without_the_others(self, bench: Any, marked) -> None:
        single = marked(sprites=1)
        torch.testing.assert_close(single.alone, single.rgb)
        found = marked()
        seen = (found.alpha > 0.999)[:, None].expand_as(found.rgb)
        torch.testing.assert_close(found.alone[seen], found.rgb[seen], atol=1e-3, rtol=0)
        assert not torch.allclose(found.alone, found.rgb, atol=0.1)

    def test_the_source_is_the_same_scene_larger(self, bench: Any, marked) -> None:
        found = marked(size=64)
        rgb, alpha = found.source()
        assert rgb.shape[-1] == 256
        shrunk = functional.interpolate(torch.cat([rgb, alpha[:, None]], 1), size=(64, 64), mode="area")
        difference = (shrunk - torch.cat([found.rgb, found.alpha[:, None]], 1)).abs().mean((1, 2, 3))
        assert difference.max() < 0.03

    def test_chunks_are_of_one_stream(self, bench: Any, sprite_store) -> None:
        kind = bench.scenes.Kind(sprites=2, unseen=True)
        parts = list(bench.scenes.chunks(sprite_store, kind, size=16, source=32, count=60, seed=0))
        assert [len(p.rgb) for p in parts] == [bench.scenes.CHUNK, 10]
        held = sprite_store.present[:, sprite_store.styles.index("fxemoji")]
        assert all(held[p.concept].all() for p in parts)
        assert kind.name == "2-unseen-style" and bench.scenes.Kind(sprites=2).name == "2"


class TestRows:
    def test_they_are_what_the_encoders_say(self, bench: Any, encoders, marked) -> None:
        scenes = marked(count=3, size=64)
        rows = {row.key: row.embed(encoders, scenes) for row in bench.rows.ROWS}
        for key, encoder, rgb, alpha in (
            ("plain", encoders.plain, scenes.rgb, None),
            ("alone", encoders.plain, scenes.alone, None),
            ("alpha-ones", encoders.alpha, scenes.rgb, None),
            ("alpha-alone", encoders.alpha, scenes.alone, None),
            ("alpha", encoders.alpha, scenes.rgb, scenes.alpha),
        ):
            torch.testing.assert_close(rows[key], encoder.encode_image(rgb, alpha), msg=key)
        # No two ways are the same.
        flat = torch.stack(list(rows.values())).flatten(1)
        assert torch.pdist(flat).min() > 1e-3
        assert set(bench.rows.STRATEGIES) | set(bench.rows.GENERATED) <= set(rows)

    def test_a_box_covers_its_mask(self, bench: Any) -> None:
        alpha = torch.zeros(2, 6, 6)
        alpha[0, 1:3, 2:5] = torch.eye(3)[:2] * 0.9
        alpha[1, 0, 0] = 0.2
        maps = bench.rows.box_maps(alpha)
        expected = torch.zeros(6, 6)
        expected[1:3, 2:4] = 1
        torch.testing.assert_close(maps[0], expected)
        assert torch.equal(maps[1], alpha[1])

    def test_generated_rows_are_the_pipelines_own(self, bench: Any, encoders, model: Path, marked) -> None:
        scenes = marked(count=2, size=128)
        pipeline: Any = open_pipeline(model)
        pictures, masks = [to_pil(p) for p in scenes.rgb], [to_pil(a.expand(3, -1, -1)) for a in scenes.alpha]
        expected = torch.cat([e.image_embeds for e in pipeline.encode_regions(pictures, masks)])
        with torch.inference_mode():
            found = bench.rows.row_of("alpha").embed(encoders, scenes)
        # But for half-precision weights on disk and eight-bit pictures.
        assert functional.cosine_similarity(found, expected).min() > 0.999


class TestRecognition:
    def score(self, bench: Any, scenes: Any, embeds: torch.Tensor, names: torch.Tensor, reference=None) -> Any:
        return bench.recognition.score(embeds, names, [scenes], embeds if reference is None else reference)

    def test_a_perfect_encoder_and_one_that_looks_beside(self, bench: Any, marked) -> None:
        scenes, names = marked(), unit(60)
        right = self.score(bench, scenes, 3 * names[scenes.concept], names)
        assert (right["top1"], right["top5"], right["ahead"]) == (1.0, 1.0, 1.0) and right["margin"] > 0
        assert right["top1_by_size"] == [1.0] * 3
        beside = scenes.others.amax(-1)
        wrong = self.score(bench, scenes, names[beside], names)
        assert (wrong["top1"], wrong["ahead"]) == (0.0, 0.0) and wrong["margin"] < 0
        cosines = (names[scenes.concept] * names[beside]).sum(-1) - 1
        assert wrong["margin"] == pytest.approx(cosines.mean().item(), abs=1e-5)

    def test_there_is_no_margin_without_others(self, bench: Any, marked) -> None:
        names = unit(60)
        scenes = marked(sprites=1)
        found = self.score(bench, scenes, names[scenes.concept], names)
        assert found["margin"] is None and found["ahead"] is None and found["top1"] == 1.0

    def test_chance(self, bench: Any) -> None:
        record = bench.recognition.chance_record(409, 1000)
        assert record["top1"] == 1 / 409 and record["top5"] == 5 / 409

    def test_the_ceiling_is_recognition_of_the_sprite_alone(self, bench: Any, encoders, sprite_store, marked) -> None:
        scenes = marked(count=48, size=64)
        with torch.inference_mode():
            names = bench.recognition.name_embeddings(encoders, sprite_store)
            embeds = bench.rows.row_of("alone").embed(encoders, scenes)
            found = self.score(bench, scenes, embeds, names)
            alone = RecognitionSet(
                name="1", sprites=1, rgb=scenes.alone, alpha=torch.ones_like(scenes.alpha), concept=scenes.concept
            )
            same = recognise(encoders.plain.encode_image, names, alone)
        assert (found["top1"], found["top5"]) == (same.top1, same.top5)
        assert found["cosine"] == pytest.approx(1) and found["length"] == pytest.approx(1)

    def test_drift_is_direction_and_length(self, bench: Any, marked) -> None:
        scenes, names = marked(count=2), unit(60, 2)
        reference = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
        embeds = torch.tensor([[0.0, 3.0], [0.0, 2.0]])
        found = self.score(bench, scenes, embeds, names, reference)
        assert found["cosine"] == pytest.approx(0.5) and found["length"] == pytest.approx(2.0)

    def test_sizes_are_thirds_of_the_visible_area(self, bench: Any, marked) -> None:
        thirds = bench.recognition.thirds(torch.tensor([0.5, 0.1, 0.3, 0.2, 0.6, 0.4]))
        assert [t.tolist() for t in thirds] == [[1, 3], [2, 5], [0, 4]]
        scenes, names = marked(), unit(60)
        small = scenes.alpha.mean((1, 2)).argsort()[:4]
        wanted = scenes.others.amax(-1)
        wanted[small] = scenes.concept[small]
        found = self.score(bench, scenes, names[wanted], names)
        assert found["top1_by_size"] == [1.0, 0.0, 0.0]
        assert found["area"][0] < found["area"][1] < found["area"][2]


def test_it_runs_and_measures_nothing_twice(
    bench: Any, model: Path, judge_folder: Path, sprite_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    settings = bench.focus.Settings(
        model=str(model),
        sprites=sprite_file,
        judge=judge_folder,
        rows=("plain", "alpha"),
        quick=True,
        sheet=tmp_path / "sheet.png",
        sheet_scenes=2,
        output=tmp_path / "focus.json",
    )
    bench.focus.main(settings)
    printed = capsys.readouterr().out
    for text in ("## Recognition", "60 scenes a row", "## Variation", "6 pictures a row, 4 steps", "not measured"):
        assert text in printed
    assert "training styles 50.0% of 10" in printed
    with Image.open(settings.sheet) as sheet:
        assert sheet.width == 8 + 6 * (128 + 8)
    written = json.loads(settings.output.read_text())
    names = {f"{row}/{kind.name}" for row in ("chance", "plain", "alpha") for kind in bench.scenes.KINDS}
    assert set(written["recognition"]["records"]) == names
    assert set(written["variation"]["records"]) == {"chance", "plain/0", "alpha/0"}
    written["recognition"]["records"]["alpha/3"]["top1"] = 0.123
    written["variation"]["records"]["alpha/0"]["masked"] = [1, 0, 0, 0, 0, 0]
    settings.output.write_text(json.dumps(written))
    bench.focus.main(dataclasses.replace(settings, sheet=None))
    assert json.loads(settings.output.read_text()) == written
    assert "| Alpha-CLIP, mask | 16.7 |" in capsys.readouterr().out


def test_unknown_rows_are_refused(bench: Any) -> None:
    with pytest.raises(ConfigError, match="no row alfa; there are plain, attention"):
        bench.focus.chosen_rows(("alfa",))
    assert [row.key for row in bench.focus.chosen_rows(("alpha", "plain"))] == ["plain", "alpha"]
