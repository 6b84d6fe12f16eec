"""The module: the same for every order of regions, for any number of them, in padded batches."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch.testing import assert_close

from gencontrol.errors import ConfigError
from gencontrol.relations.learned.answers import HEADS, RELATIONS, as_asked
from gencontrol.relations.learned.inputs import RelationInputs, joined
from gencontrol.relations.learned.module import CORES, ModuleConfig, RelationModule
from gencontrol.relations.learned.opening import parameter_bytes
from gencontrol.relations.vocabulary import CONVERSE, SYMMETRIC

Seen = Callable[..., RelationInputs]


@pytest.mark.parametrize("frames", [1, 4])
@pytest.mark.parametrize("core", CORES)
def test_another_order_of_regions_is_another_order_of_answers(
    module: RelationModule, seen: Seen, core: str, frames: int
) -> None:
    order = [3, 0, 4, 1, 2]
    first = module(seen(5, frames=frames), (core,))[core]
    second = module(seen(5, frames=frames, order=order), (core,))[core]
    assert_close(second.logits[0], first.logits[0][order][:, order], atol=1e-5, rtol=1e-4)
    assert_close(second.regions[0], first.regions[0][order], atol=1e-5, rtol=1e-4)
    assert_close(second.still[0], first.still[0][order], atol=1e-5, rtol=1e-4)
    assert_close(second.scene, first.scene, atol=1e-5, rtol=1e-4)
    # And not because all are the same.
    assert (first.logits[0, 0, 1] - first.logits[0, 2, 1]).abs().max() > 1e-3


@pytest.mark.parametrize("core", CORES)
def test_padding_and_neighbours_in_a_batch_change_nothing(module: RelationModule, seen: Seen, core: str) -> None:
    small, large = seen(2, seed=1), seen(4, seed=2)
    together = module(joined([small, large]), (core,))[core]
    alone = [module(one, (core,))[core] for one in (small, large)]
    assert_close(together.logits[0, :2, :2], alone[0].logits[0], atol=1e-5, rtol=1e-4)
    assert_close(together.logits[1], alone[1].logits[0], atol=1e-5, rtol=1e-4)
    assert_close(together.scene[0], alone[0].scene[0], atol=1e-5, rtol=1e-4)
    assert_close(together.still[0, :2], alone[0].still[0], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("core", CORES)
def test_any_number_of_regions_and_frames(module: RelationModule, seen: Seen, core: str) -> None:
    for count, frames in ((1, 1), (2, 3), (9, 1), (3, 12)):
        found = module(seen(count, frames=frames), (core,))[core]
        assert found.logits.shape == (1, count, count, len(RELATIONS)) and found.logits.isfinite().all()
        assert found.regions.shape == (1, count, 16) and found.scene.shape == (1, 16)


@pytest.mark.parametrize("core", CORES)
def test_everything_that_is_seen_matters(module: RelationModule, seen: Seen, core: str) -> None:
    inputs = seen(3, frames=2, seed=4)
    assert inputs.near.any()
    plain = module(inputs, (core,))[core].logits
    for name in ("pairs", "colours", "crops", "meetings", "cosines", "probes"):
        changed = replace(inputs, **{name: getattr(inputs, name) * 0.5})
        assert not torch.allclose(module(changed, (core,))[core].logits, plain, atol=1e-6), name
    # Who is subject and who is object is seen in a meeting too.
    turned = replace(inputs, meetings=inputs.meetings[:, :, [0, 1, 2, 4, 3]])
    assert not torch.allclose(module(turned, (core,))[core].logits, plain, atol=1e-6)


def test_the_order_of_frames_matters_to_cores_with_states(module: RelationModule, seen: Seen) -> None:
    inputs = seen(3, frames=5)
    # The last frame by itself is kept where it is.
    order = [2, 0, 3, 1, 4]
    changed = replace(inputs, pairs=inputs.pairs[:, order], there=inputs.there[:, order])
    for core, matters in (("rim", True), ("gru", True), ("transformer", True), ("mlp", False)):
        same = torch.allclose(module(inputs, (core,))[core].logits, module(changed, (core,))[core].logits, atol=1e-5)
        assert same != matters, core


def test_converses_and_symmetric_relations_agree() -> None:
    logits = torch.randn(2, 4, 4, len(HEADS))
    found = as_asked(logits)
    touching = logits[..., HEADS.index("touching")]
    assert_close(found[..., RELATIONS.index("touching")], (touching + touching.transpose(1, 2)) / 2)
    columns = dict(zip(RELATIONS, found.unbind(-1), strict=True))
    for name, other in CONVERSE.items():
        assert_close(columns[name], columns[other].transpose(1, 2))
    for name in SYMMETRIC:
        assert_close(columns[name], columns[name].transpose(1, 2))
    assert not torch.allclose(columns["wearing"], columns["wearing"].transpose(1, 2))


def test_the_default_core_answers(module: RelationModule, seen: Seen) -> None:
    assert list(module(seen(2))) == [module.config.core]
    assert list(module(seen(2), CORES)) == list(CORES)


def test_the_shipped_size_is_small_and_cores_are_alike() -> None:
    module = RelationModule(ModuleConfig())
    assert parameter_bytes(module) < 3_000_000
    sizes = [sum(p.numel() for p in core.parameters()) for core in module.cores.values()]
    assert max(sizes) < 1.15 * min(sizes)


def test_settings_that_are_none() -> None:
    with pytest.raises(ConfigError, match="cores, core, hidden: expected some of rim, transformer, gru, mlp"):
        ModuleConfig(core="mlp", cores=("rim",), hidden=(8,))
    with pytest.raises(ConfigError, match="a width for each"):
        ModuleConfig(hidden=(8,))
    with pytest.raises(ConfigError, match=r"channels: expected three widths of at least 1, got \[8, 0, 8\]"):
        ModuleConfig(channels=(8, 0, 8))
