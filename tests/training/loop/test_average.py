import torch
from torch import nn

from gencontrol.training.loop.average import update_average


def modules():
    average, module = nn.BatchNorm1d(2), nn.BatchNorm1d(2)
    nn.init.zeros_(average.weight)
    module.running_mean = torch.full((2,), 3.0)
    return average, module


def test_the_average_moves_by_what_the_decay_leaves_and_buffers_are_copied():
    average, module = modules()
    update_average(average, module, decay=0.75, step=1000)
    torch.testing.assert_close(average.weight.detach(), torch.full((2,), 0.25))
    assert average.running_mean is not None and average.running_mean.tolist() == [3.0, 3.0]
    update_average(average, module, decay=0.75, step=1001)
    torch.testing.assert_close(average.weight.detach(), torch.full((2,), 1 - 0.75**2))


def test_early_on_the_start_is_forgotten_faster():
    average, module = modules()
    update_average(average, module, decay=0.999, step=1)
    torch.testing.assert_close(average.weight.detach(), torch.full((2,), 1 - 2 / 11))
