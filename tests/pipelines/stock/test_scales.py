"""Weights by an adapter's scale."""

from dataclasses import replace
from types import ModuleType

import pytest
import torch

from gencontrol.errors import InputError
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.pipelines.stock.scales import by_scale, scaled

ONE = RegionReference(image=torch.zeros(3, 8, 8), weight=0.5)


@pytest.mark.parametrize("name", ["sd15-ip", "flux-redux", "karlo", "flux-kontext"])
def test_hosts_that_take_weights_or_have_no_adapter_keep_theirs(name: str) -> None:
    assert by_scale(REFERENCE_HOSTS[name], [ONE]) == ([ONE], 1.0)


@pytest.mark.parametrize("name", ["flux-ip", "flux-ip-v2", "sd35-ip"])
def test_one_weight_becomes_a_scale(name: str) -> None:
    host = REFERENCE_HOSTS[name]
    left, scale = by_scale(host, [ONE, ONE])
    assert scale == 0.5 and [reference.weight for reference in left] == [1.0, 1.0]
    assert left[0].image is ONE.image and by_scale(host, []) == ([], 1.0)
    with pytest.raises(InputError, match=f"weight: {name} weighs all references alike, by its adapter's scale"):
        by_scale(host, [ONE, replace(ONE, weight=1.0)])


def test_a_scale_is_as_before_after_the_block(reference_builders: ModuleType) -> None:
    pipe = reference_builders.flux(with_adapter=True)
    pipe.set_ip_adapter_scale(0.8)
    layers = [p for p in pipe.transformer.attn_processors.values() if hasattr(p, "to_k_ip")]
    before = [layer.scale for layer in layers]
    with pytest.raises(ZeroDivisionError), scaled(pipe.transformer, 0.5):
        assert len(layers) == 2 and all(layer.scale == [0.4] for layer in layers)
        raise ZeroDivisionError
    assert all(layer.scale is scale for layer, scale in zip(layers, before, strict=True))
    layers[0].scale = 0.5
    with scaled(pipe.transformer, 2.0):
        assert layers[0].scale == 1.0
    assert layers[0].scale == 0.5
