"""A tower that tells nothing."""

from pathlib import Path

import torch

from benchmarks.towers import WIDTH, random_tower
from gencontrol.alpha_clip.model import AlphaCLIP


def test_another_width_the_same_words_and_the_same_weights_each_time(tiny_folder: Path) -> None:
    encoder = AlphaCLIP.from_pretrained(tiny_folder / "alpha_clip")
    state = torch.get_rng_state()
    one, again = random_tower(encoder), random_tower(encoder)
    assert torch.equal(torch.get_rng_state(), state)
    assert one.embed_dim == WIDTH != encoder.embed_dim and one.image_size == encoder.image_size
    picture, alpha = torch.rand(3, 32, 32), torch.ones(32, 32)
    found = one.encode_image(picture, alpha)
    assert torch.equal(found, again.encode_image(picture, alpha)) and found.shape == (1, WIDTH)
    assert one.encode_text("cat").shape == (1, WIDTH)
