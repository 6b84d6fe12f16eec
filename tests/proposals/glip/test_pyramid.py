"""The feature pyramid by hand, and the tower below it."""

from types import ModuleType

import torch
from torch.nn import functional

from gencontrol.proposals.glip.pyramid import Pyramid, swin_tower


@torch.no_grad()
def test_levels_by_hand(detectors: ModuleType) -> None:
    torch.manual_seed(0)
    pyramid = Pyramid(detectors.glip_config())
    stages = [torch.randn(1, 12 * 2**n, 16 // 2**n, 24 // 2**n) for n in (1, 2, 3)]
    stages = [functional.interpolate(stage, size=(12 // 2**n, 20 // 2**n)) for n, stage in enumerate(stages)]
    levels = pyramid(stages)
    side = [inner(stage) for inner, stage in zip(pyramid.inner, stages, strict=True)]
    five = side[2]
    four = side[1] + functional.interpolate(five, size=(6, 10), mode="nearest")
    three = side[0] + functional.interpolate(four, size=(12, 20), mode="nearest")
    for level, layer, wanted in zip(levels[:3], pyramid.layer, (three, four, five), strict=True):
        assert torch.allclose(level, layer(wanted), atol=1e-5)
    assert torch.allclose(levels[3], pyramid.p6(levels[2]))
    assert torch.allclose(levels[4], pyramid.p7(functional.relu(levels[3])))
    assert [tuple(level.shape[-2:]) for level in levels] == [(12, 20), (6, 10), (3, 5), (2, 3), (1, 2)]


def test_the_tower_gives_its_last_three_stages(detectors: ModuleType) -> None:
    tower = swin_tower(detectors.glip_config())
    maps = tower(torch.zeros(1, 3, 64, 96)).feature_maps
    assert [tuple(level.shape[1:]) for level in maps] == [(24, 8, 12), (48, 4, 6), (96, 2, 3)]
    assert not any("swin.layernorm" in name for name in tower.state_dict())
