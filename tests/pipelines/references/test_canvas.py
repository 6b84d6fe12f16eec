"""Where on the output references act: means over cells, strengths, and the order of halves."""

import pytest
import torch

from gencontrol.conditioning.strength import parse_schedule
from gencontrol.errors import InputError
from gencontrol.pipelines.references.canvas import adapter_masks, canvas_map, output_size, warn_of_grid
from gencontrol.pipelines.references.reference import Call, Encoded
from gencontrol.regions import RegionWarning


def test_a_cell_is_the_mean_of_its_area() -> None:
    """Stock code samples: a fine pattern would come out as noise."""
    fine = (torch.arange(64)[:, None] + torch.arange(64)[None]).remainder(2).float()
    torch.testing.assert_close(canvas_map(fine, (64, 64), cell=8), torch.full((8, 8), 0.5))
    ramp = torch.linspace(0, 1, 64)[None].expand(64, 64)
    expected = ramp.reshape(8, 8, 8, 8).mean((1, 3))
    torch.testing.assert_close(canvas_map(ramp, (64, 64), cell=8), expected)
    # Of another size than the output, and of its shape.
    torch.testing.assert_close(canvas_map(ramp, (128, 128), cell=16), expected)
    assert torch.equal(canvas_map(None, (32, 48), cell=8), torch.ones(4, 6))
    with pytest.raises(InputError, match="64 x 64 pixels are not of the output's shape, 128 x 64"):
        canvas_map(ramp, (64, 128), cell=8)


def test_maps_are_strengths_and_negatives_come_first() -> None:
    left = torch.zeros(16, 16)
    left[:, :8] = 1
    first = Encoded(positive=torch.zeros(1, 4), canvas=left, weight=0.5)
    second = Encoded(positive=torch.zeros(1, 4), course=parse_schedule("0:1 1:0"))
    together = adapter_masks([first, second], Call(size=(16, 16)), cell=8, fraction=0.5)
    assert together.shape == (1, 2, 2, 2)
    assert together[0].tolist() == [[[0.5, 0.0], [0.5, 0.0]], [[0.5, 0.5], [0.5, 0.5]]]
    rows = adapter_masks([first, second], Call(size=(16, 16), rows=True), cell=8, fraction=0.0)
    assert rows.shape == (4, 2, 2, 2) and torch.equal(rows[:2], rows[2:])
    assert not rows[0, 1].any() and not rows[1, 0].any() and bool((rows[1, 1] == 1).all())
    alone = adapter_masks([first, second], Call(size=(16, 16), rows=True, guided=False), cell=8, fraction=0.0)
    assert torch.equal(alone, rows[2:])


def test_sizes_of_whole_cells() -> None:
    assert output_size(Call(size=(64, 48)), multiple=16, why="x") == (64, 48)
    with pytest.raises(InputError, match="height and width: expected the output's, in pixels: of weights"):
        output_size(Call(), multiple=8, why="of weights")
    for size in ((60, 64), (64, 60), (8, 64)):
        with pytest.raises(InputError, match=f"multiples of 16 pixels, got height {size[0]} and width {size[1]}"):
            output_size(Call(size=size), multiple=16, why="x")


def test_grids_that_stock_code_may_guess_wrong() -> None:
    with pytest.warns(RegionWarning, match="A canvas of 520 x 512 pixels"):
        warn_of_grid((512, 520))
    warn_of_grid((512, 544))
