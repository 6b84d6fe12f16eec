"""Each way to point at a sprite embeds what its name says."""

from pathlib import Path
from typing import Any

import torch
from torch.nn import functional

from benchmarks.focus.rows import GENERATED, ROWS, STRATEGIES, box_maps, row_of
from gencontrol.focus import AlphaFocus, CropFocus, SumFocus, ZoomFocus
from gencontrol.images.writing import to_pil
from gencontrol.pipelines import open_pipeline


class TestRows:
    def test_they_are_what_the_encoders_say(self, encoders, marked) -> None:
        scenes = marked(count=3, size=64)
        rows = {row.key: row.embed(encoders, scenes) for row in ROWS}
        for key, encoder, rgb, alpha in (
            ("plain", encoders.plain, scenes.rgb, None),
            ("alone", encoders.plain, scenes.alone, None),
            ("alpha-ones", encoders.alpha, scenes.rgb, None),
            ("alpha-alone", encoders.alpha, scenes.alone, None),
            ("alpha", encoders.alpha, scenes.rgb, scenes.alpha),
        ):
            torch.testing.assert_close(rows[key], encoder.encode_image(rgb, alpha), msg=key)
        for key, strategy, source in (
            ("zoom", ZoomFocus(), False),
            ("zoom-blank-source", ZoomFocus(outside="blank"), True),
            ("alpha+zoom", SumFocus(looks=(AlphaFocus(), ZoomFocus())), False),
            ("zoom+crop-source", SumFocus(looks=(ZoomFocus(), CropFocus())), True),
        ):
            seen = scenes.source() if source else (scenes.rgb, scenes.alpha)
            torch.testing.assert_close(rows[key], strategy.embed(encoders.alpha, *seen), msg=key)
        torch.testing.assert_close(
            rows["crop-wide-source"], CropFocus(margin=0.25).embed(encoders.plain, *scenes.source())
        )
        # No two ways are the same.
        flat = torch.stack(list(rows.values())).flatten(1)
        assert torch.pdist(flat).min() > 1e-3
        assert set(STRATEGIES) | set(GENERATED) <= set(rows)

    def test_what_runs_the_encoder_twice_says_so(self) -> None:
        told = {row.key: row.label for row in ROWS}
        assert told["zoom+crop-source"] == "Alpha-CLIP, zoom + masked crop, of the source, 2 encodes"
        assert told["zoom-blank"] == "Alpha-CLIP, zoom, blank outside"

    def test_a_box_covers_its_mask(self) -> None:
        alpha = torch.zeros(2, 6, 6)
        alpha[0, 1:3, 2:5] = torch.eye(3)[:2] * 0.9
        alpha[1, 0, 0] = 0.2
        maps = box_maps(alpha)
        expected = torch.zeros(6, 6)
        expected[1:3, 2:4] = 1
        torch.testing.assert_close(maps[0], expected)
        assert torch.equal(maps[1], alpha[1])

    def test_generated_rows_are_the_pipelines_own(self, encoders, model: Path, marked) -> None:
        scenes = marked(count=2, size=128)
        pipeline: Any = open_pipeline(model)
        pictures, masks = [to_pil(p) for p in scenes.rgb], [to_pil(a.expand(3, -1, -1)) for a in scenes.alpha]
        expected = torch.cat([e.image_embeds for e in pipeline.encode_regions(pictures, masks)])
        with torch.inference_mode():
            found = row_of("alpha").embed(encoders, scenes)
        # But for half-precision weights on disk and eight-bit pictures.
        assert functional.cosine_similarity(found, expected).min() > 0.999
