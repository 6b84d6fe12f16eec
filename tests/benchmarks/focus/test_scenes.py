"""The scenes that the benchmark is measured on."""

import torch
from torch.nn import functional

from benchmarks.focus.scenes import CHUNK, Kind, chunks
from gencontrol.sprites.catalog import training_styles
from gencontrol.training.stages.recognition import recognition_set


class TestScenes:
    def test_they_are_those_of_the_recognition_tests(self, sprite_store, marked) -> None:
        found = marked()
        same = recognition_set(sprite_store, sprites=3, size=32, count=12, styles=training_styles(), seed=5)
        assert torch.equal(found.rgb, same.rgb) and torch.equal(found.alpha, same.alpha)
        assert torch.equal(found.concept, same.concept)

    def test_others_are_the_rest_of_the_scene(self, marked) -> None:
        found = marked()
        assert ((found.others >= 0).sum(-1) == 2).all()
        assert not (found.others == found.concept[:, None]).any()
        assert (marked(sprites=1).others < 0).all()

    def test_alone_is_the_scene_without_the_others(self, marked) -> None:
        single = marked(sprites=1)
        torch.testing.assert_close(single.alone, single.rgb)
        found = marked()
        seen = (found.alpha > 0.999)[:, None].expand_as(found.rgb)
        torch.testing.assert_close(found.alone[seen], found.rgb[seen], atol=1e-3, rtol=0)
        assert not torch.allclose(found.alone, found.rgb, atol=0.1)

    def test_the_source_is_the_same_scene_larger(self, marked) -> None:
        found = marked(size=64)
        rgb, alpha = found.source()
        assert rgb.shape[-1] == 256
        shrunk = functional.interpolate(torch.cat([rgb, alpha[:, None]], 1), size=(64, 64), mode="area")
        difference = (shrunk - torch.cat([found.rgb, found.alpha[:, None]], 1)).abs().mean((1, 2, 3))
        assert difference.max() < 0.03

    def test_chunks_are_of_one_stream(self, sprite_store) -> None:
        kind = Kind(sprites=2, unseen=True)
        parts = list(chunks(sprite_store, kind, size=16, source=32, count=60, seed=0))
        assert [len(p.rgb) for p in parts] == [CHUNK, 10]
        held = sprite_store.present[:, sprite_store.styles.index("fxemoji")]
        assert all(held[p.concept].all() for p in parts)
        assert kind.name == "2-unseen-style" and Kind(sprites=2).name == "2"
