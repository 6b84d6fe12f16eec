"""Early fusion: what it adds, and to what."""

from types import ModuleType

import torch

from gencontrol.proposals.glip.fusion import Fusion


def _fusion(detectors: ModuleType) -> tuple[Fusion, torch.Tensor, torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    fusion = Fusion(detectors.glip_config())
    detectors.spread(fusion)
    return fusion, 3 * torch.randn(2, 10, 32) + 1, torch.randn(2, 5, 48), torch.tensor([[1, 1, 1, 0, 0], [1] * 5])


@torch.no_grad()
def test_what_stays_is_the_normalised_value(detectors: ModuleType) -> None:
    fusion, places, tokens, mask = _fusion(detectors)
    fusion.gamma_v.zero_()
    fusion.gamma_l.zero_()
    seen, read = fusion(places, tokens, mask)
    assert torch.equal(seen, fusion.layer_norm_v(places)) and torch.equal(read, fusion.layer_norm_l(tokens))


@torch.no_grad()
def test_padding_says_nothing_to_the_picture_and_hears_it(detectors: ModuleType) -> None:
    fusion, places, tokens, mask = _fusion(detectors)
    seen, read = fusion(places, tokens, mask)
    tokens[0, 3:] = torch.randn(2, 48)
    again, others = fusion(places, tokens, mask)
    assert torch.equal(seen, again)
    assert not torch.allclose(read[0, 3:], others[0, 3:]) and torch.equal(read[0, :3], others[0, :3])


@torch.no_grad()
def test_attention_both_ways_by_hand(detectors: ModuleType) -> None:
    fusion, places, tokens, mask = _fusion(detectors)
    mask[:] = 1
    seen, read = fusion(places, tokens, mask)
    v, t = fusion.layer_norm_v(places[0]), fusion.layer_norm_l(tokens[0])
    to_picture, to_text = [], []
    for head in range(8):
        part = slice(8 * head, 8 * head + 8)
        table = fusion.v_proj(v)[:, part] @ fusion.l_proj(t)[:, part].T / 8**0.5
        to_picture.append(table.softmax(1) @ fusion.values_l_proj(t)[:, part])
        to_text.append(table.T.softmax(1) @ fusion.values_v_proj(v)[:, part])
    assert torch.allclose(seen[0], v + fusion.gamma_v * fusion.out_v_proj(torch.cat(to_picture, 1)), atol=1e-4)
    assert torch.allclose(read[0], t + fusion.gamma_l * fusion.out_l_proj(torch.cat(to_text, 1)), atol=1e-4)


def test_what_it_adds_starts_small(detectors: ModuleType) -> None:
    assert Fusion(detectors.glip_config(blocks=5)).gamma_v.unique().tolist() == [torch.tensor(0.2).item()]


@torch.no_grad()
def test_huge_similarities_stay_finite(detectors: ModuleType) -> None:
    fusion, places, tokens, mask = _fusion(detectors)
    fusion.v_proj.weight.mul_(1e30)
    assert all(bool(values.isfinite().all()) for values in fusion(places, tokens, mask))
