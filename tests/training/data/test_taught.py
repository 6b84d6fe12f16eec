"""Chunks with the teacher's answers."""

from pathlib import Path

import pytest
import torch
from torch.testing import assert_close

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.sprites.compose import SceneConfig
from gencontrol.sprites.store import SpriteStore
from gencontrol.training.data.several import SpriteRegions
from gencontrol.training.data.taught import Lessons, Teacher, compact, opened


@pytest.fixture
def teacher(tiny_folder: Path) -> Teacher:
    return Teacher(encoder=AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip"), precision="float32")


@pytest.fixture
def source(sprite_store: SpriteStore) -> SpriteRegions:
    return SpriteRegions(store=sprite_store, scenes=SceneConfig(size=64, counts=(0.0, 1.0, 1.0)), seed=0, left_out=0.5)


def test_each_region_is_embedded_by_itself(teacher: Teacher, source: SpriteRegions) -> None:
    several = source.draw(0, 4)
    found = teacher.embed(several)
    assert found.shape == (*several.used.shape, teacher.encoder.embed_dim)
    assert_close(found.norm(dim=-1), several.used.float())
    row, slot = several.used.nonzero()[-1].tolist()
    with torch.no_grad():
        alone = teacher.encoder.encode_image(several.rgb[row], several.alphas[row, slot], normalize=True)[0]
    assert_close(found[row, slot], alone, atol=1e-5, rtol=0)


def test_what_is_kept_is_what_was_taught(teacher: Teacher, source: SpriteRegions) -> None:
    chunk = opened(compact(source.draw(1, 3), teacher))
    row, slot = chunk["used"].nonzero()[0].tolist()
    with torch.no_grad():
        alone = teacher.encoder.encode_image(chunk["rgb"][row], chunk["alphas"][row, slot], normalize=True)[0]
    assert_close(chunk["taught"][row, slot], alone, atol=1e-3, rtol=0)


def test_chunks_are_drawn_once_and_come_again(
    teacher: Teacher, source: SpriteRegions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    class Counting:
        def draw(self, index: int, count: int):
            asked.append(index)
            return source.draw(index, count)

    def lessons(chunks: int, **made_with: int) -> Lessons:
        return Lessons(source=Counting(), teacher=teacher, count=2, folder=tmp_path, made_with=made_with, chunks=chunks)

    first = [lessons(2).draw(index) for index in range(4)]
    assert asked == [0, 1] and torch.equal(first[0]["rgb"], first[2]["rgb"])
    assert not torch.equal(first[0]["rgb"], first[1]["rgb"])
    assert all(torch.equal(first[1][name], lessons(2).draw(3)[name]) for name in first[1]) and asked == [0, 1]
    lessons(2, seed=1).draw(0)
    assert asked == [0, 1, 0] and len(list(tmp_path.iterdir())) == 2
    broken = next(path for path in tmp_path.glob("*/000001.safetensors"))
    broken.write_bytes(broken.read_bytes()[:100])
    assert torch.equal(lessons(2).draw(1)["taught"], first[1]["taught"]) and asked == [0, 1, 0, 1]
    lessons(0).draw(7)
    lessons(0).draw(7)
    assert asked[4:] == [7, 7]
