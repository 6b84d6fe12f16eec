"""Files of a cache that are damaged: told, or made again."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gencontrol.errors import ConfigError, InputError
from gencontrol.training.data.shards import is_whole, load_shard, prepare_shards, read_settings, shard_path


@pytest.mark.parametrize("text", ["", "[]", "3", "[" * 200_000])
def test_settings_that_say_nothing_are_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(ConfigError, match=r"settings\.json does not say how the cache was made .*: remove the folder"):
        read_settings(tmp_path / "settings.json")


def test_settings_are_read(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text('{"seed": 3}')
    assert read_settings(tmp_path / "settings.json") == {"seed": 3}


@pytest.mark.parametrize("share", [0.0, 0.1, 0.9])
def test_a_shard_that_is_cut_off_is_not_whole(share: float, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    path = tmp_path / "a.safetensors"
    assert not is_whole(path)
    save_file({"w": torch.arange(100)}, path)
    assert is_whole(path) and load_shard(path)["w"].tolist() == list(range(100))
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    assert not is_whole(path) and "is broken" in caplog.text
    with pytest.raises(InputError, match=r"a\.safetensors, a file of the cache, is missing or broken .*prepare it"):
        load_shard(path)


def test_what_is_missing_is_made_and_nothing_else(tmp_path: Path) -> None:
    drawn: list[int] = []

    def draw(number: int) -> dict[str, torch.Tensor]:
        drawn.append(number)
        return {"a": torch.full((2,), float(number))}

    prepare_shards(draw, tmp_path, count=6, each=2, made_with={"seed": 1}, what="things", share=slice(1, None, 2))
    assert drawn == [1] and shard_path(tmp_path, 1) == tmp_path / "0001.safetensors"
    prepare_shards(draw, tmp_path, count=6, each=2, made_with={"seed": 1}, what="things")
    assert drawn == [1, 0, 2]
    assert [load_shard(shard_path(tmp_path, number))["a"].tolist() for number in range(3)] == [[0, 0], [1, 1], [2, 2]]
    told = r"The things in .* were made with other settings \(seed 1 -> 2\): use another folder"
    with pytest.raises(ConfigError, match=told):
        prepare_shards(draw, tmp_path, count=6, each=2, made_with={"seed": 2}, what="things")
    for count in (0, 5):
        with pytest.raises(ConfigError, match=f"a number of things that is a multiple of 2, got {count}"):
            prepare_shards(draw, tmp_path, count=count, each=2, made_with={"seed": 1}, what="things")
