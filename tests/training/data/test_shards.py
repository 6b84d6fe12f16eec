"""Files of a cache that are damaged: told, or made again."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from gencontrol.errors import ConfigError, InputError
from gencontrol.training.data.shards import is_whole, load_shard, read_settings


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
