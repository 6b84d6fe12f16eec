"""Which names a prompt is told apart from."""

from pathlib import Path

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.guidance.score import text_targets
from gencontrol.nerf.steering.guidance import load_guides
from gencontrol.nerf.steering.other_names import SPRITES, encode_known, others_of, read_names


def test_names_that_share_a_word_by_any_synonym_are_left_out() -> None:
    names = (("red apple", "apple"), ("car", "automobile"), ("pineapple",), ("police car",), ("ship", "Big Boat"))
    assert others_of("an apple", names) == ["car", "pineapple", "police car", "ship"]
    assert others_of("automobile", names) == ["red apple", "pineapple", "police car", "ship"]
    assert others_of("boat, blue", names) == ["red apple", "car", "pineapple", "police car"]


def test_names_come_from_the_sprite_world_a_file_or_nowhere(tmp_path: Path) -> None:
    sprites = read_names(SPRITES)
    assert len(sprites) > 300 and ("red apple", "apple") in sprites
    (tmp_path / "names.txt").write_text("old boat\n\n  cat \n", encoding="utf-8")
    assert read_names(str(tmp_path / "names.txt")) == (("old boat",), ("cat",))
    assert read_names("") == ()
    with pytest.raises(InputError, match=r"Cannot read the names .*nowhere.*one name a line, 'sprites', or ''"):
        read_names(str(tmp_path / "nowhere"))


def test_only_what_a_tokenizer_takes_is_encoded(tiny_folder: Path) -> None:
    (guide,) = load_guides([str(tiny_folder)], device="cpu")
    found = encode_known(guide.encoder, ["red cat", "zeppelin", "dog"])
    assert torch.allclose(found, text_targets(guide.encoder, ["red cat", "dog"]), atol=1e-6)
    assert torch.allclose(found.norm(dim=1), torch.ones(2))
    assert len(encode_known(guide.encoder, ["zeppelin"])) == 0 and len(encode_known(guide.encoder, [])) == 0
