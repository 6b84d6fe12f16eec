import pytest
import torch

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.one_pass.change import BlockChange, LinearChange, NormChange, OnePass, OnePassConfig
from gencontrol.errors import ConfigError


@pytest.mark.parametrize(
    ("settings", "text"),
    [
        ({"rank": 0}, "rank: expected 1 or more"),
        ({"features": 0}, "features: expected 1 or more"),
        ({"floor": 0.0}, "floor: expected above 0"),
        ({"floor": 1.0}, "floor: expected above 0 and below 1"),
    ],
)
def test_shapes_that_are_none(settings: dict, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        OnePassConfig(**settings)


def test_weights_begin_by_changing_nothing(encoder: AlphaCLIP) -> None:
    one_pass = OnePass(encoder.vision.config)
    moved = {name for name, values in one_pass.state_dict().items() if values.any()}
    # What is multiplied by zeros, what reads maps for keys and values of zero, and exponents.
    assert all(name.endswith((".down", ".own", ".apart")) or name.startswith("reader.") for name in moved)
    assert len(one_pass.layers) == encoder.vision.config.num_hidden_layers
    first = one_pass.layers[0]
    assert isinstance(first, BlockChange) and bool((first.own == 1).all() and (first.apart == 1).all())


def test_parts_have_their_shapes() -> None:
    change, plain = LinearChange(6, 4, 2), LinearChange(6, 4, 2, bias=False)
    assert change.down.shape == (2, 6) and change.up.shape == (4, 2) and plain.bias is None
    assert change.bias is not None and change.bias.shape == (4,)
    norm = NormChange(5)
    assert torch.equal(norm.weight, torch.zeros(5)) and torch.equal(norm.bias, torch.zeros(5))
