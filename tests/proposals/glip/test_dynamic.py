"""The dynamic convolution's parts by hand; the whole is held by the authors' answers."""

from types import ModuleType

import pytest
import torch
from torch.nn import functional

from gencontrol.proposals.glip.dynamic import DeformableConvolution, DynamicActivation, DynamicConvolution, steered


def test_a_coarser_level_reads_the_first_numbers_of_the_flat_array() -> None:
    values = torch.arange(2 * 4 * 6.0).reshape(1, 2, 4, 6)
    read = steered(values, (2, 3))
    assert read.flatten().tolist() == list(range(12)) and read.shape == (1, 2, 2, 3)
    assert torch.equal(steered(values, (4, 6)), values)
    both = steered(torch.cat([values, values + 100]), (2, 3))
    assert both[1].flatten().tolist() == list(range(100, 112))


@pytest.mark.parametrize("stride", [1, 2])
def test_without_shifts_it_is_a_convolution(stride: int) -> None:
    torch.manual_seed(0)
    part, x = DeformableConvolution(16), torch.randn(2, 16, 7, 10)
    # The sigmoid of 100 is 1: every place counts whole.
    steering = torch.cat([torch.zeros(2, 18, 7, 10), torch.full((2, 9, 7, 10), 100.0)], dim=1)
    plain = functional.conv2d(x, part.conv.weight, part.conv.bias, stride=stride, padding=1)
    assert torch.allclose(part(x, steering, stride=stride), part.norm(plain), atol=1e-4)


def test_shifts_come_as_rows_before_columns() -> None:
    part, x = DeformableConvolution(16), torch.randn(1, 16, 8, 8)
    steering = torch.zeros(1, 27, 8, 8)
    steering[:, 0:18:2] = 1.0
    steering[:, 18:] = 100.0
    down = functional.conv2d(functional.pad(x, (1, 1, 0, 2)), part.conv.weight, part.conv.bias)
    assert torch.allclose(part(x, steering, stride=1), part.norm(down), atol=1e-4)


def test_the_activation_is_the_larger_of_two_lines() -> None:
    activation = DynamicActivation(4)
    with torch.no_grad():
        activation.expand.weight.zero_()
        # What the hardsigmoid makes 1, 0.75, 0.25 and 0.5, for every channel.
        activation.expand.bias.copy_(torch.tensor([3.0, 1.5, -1.5, 0.0]).repeat_interleave(4))
    x = torch.linspace(-2, 2, 64).reshape(1, 4, 4, 4)
    assert torch.allclose(activation(x), torch.maximum(2 * x + 0.25, -0.5 * x), atol=1e-6)


def test_each_level_sees_itself_and_its_neighbours_only(detectors: ModuleType) -> None:
    block = DynamicConvolution(detectors.glip_config())
    detectors.spread(block)
    sizes = [(16, 16), (8, 8), (4, 4), (2, 2), (1, 1)]
    levels = [torch.randn(1, 32, *size) for size in sizes]
    with torch.no_grad():
        before = block(levels)
        changed = [
            [not torch.equal(a, b) for a, b in zip(block(_altered(levels, n)), before, strict=True)] for n in (0, 2)
        ]
    assert [level.shape[-2:] for level in before] == [torch.Size(size) for size in sizes]
    assert changed == [[True, True, False, False, False], [False, True, True, True, False]]


def _altered(levels: list[torch.Tensor], place: int) -> list[torch.Tensor]:
    return [level + 1 if number == place else level for number, level in enumerate(levels)]
