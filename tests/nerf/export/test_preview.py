"""Preview sheets: a row for each thing shown, and the outline where alpha crosses one half."""

import pytest
import torch

from gencontrol.nerf.export.preview import draw_outline, preview_sheet
from gencontrol.nerf.rays.rendering import Rendering


def rendering(parts: torch.Tensor) -> Rendering:
    shape = parts.shape[:3]
    return Rendering(
        colour=torch.full((*shape, 3), 0.25), opacity=torch.full(shape, 0.3), depth=torch.zeros(shape), parts=parts
    )


def test_the_outline_surrounds_the_part() -> None:
    parts = torch.zeros(1, 7, 7, 1)
    parts[0, 2:5, 2:5] = 0.8
    marked = draw_outline(torch.zeros(1, 3, 7, 7), parts)[0, 0] > 0
    expected = torch.zeros(7, 7, dtype=torch.bool)
    expected[1:6, 1:6] = True
    expected[2:5, 2:5] = False
    assert torch.equal(marked, expected)
    rim = draw_outline(torch.zeros(1, 3, 7, 7), parts)[0, :, 1, 1]
    assert rim.tolist() == pytest.approx([1.0, 0.45, 0.0])


@pytest.mark.parametrize(("alpha", "marked"), [(0.49, False), (0.5, True), (0.6, True)])
def test_the_outline_is_where_alpha_reaches_one_half(alpha: float, marked: bool) -> None:
    parts = torch.zeros(1, 5, 5, 2)
    parts[0, 2, 2, 1] = alpha
    assert (draw_outline(torch.zeros(1, 3, 5, 5), parts).amax() > 0).item() is marked


def test_without_parts_the_picture_is_left_alone() -> None:
    picture = torch.rand(2, 3, 4, 4)
    assert torch.equal(draw_outline(picture, torch.zeros(2, 4, 4, 0)), picture)


def test_the_sheet_has_a_column_a_view_and_a_row_a_plane() -> None:
    parts = torch.zeros(2, 6, 8, 3)
    parts[1, ..., 2] = 1.0
    sheet = preview_sheet(rendering(parts))
    assert sheet.shape == (3, 5 * 7 + 1, 2 * 9 + 1)

    def cell(row: int, column: int) -> list[float]:
        return sheet[:, 1 + row * 7 + 3, 1 + column * 9 + 4].tolist()

    assert cell(0, 0) == pytest.approx([0.95] * 3)  # 0.25 over white under an opacity of 0.3
    assert cell(1, 0) == pytest.approx([0.3] * 3)  # opacity
    assert sheet[:, 0, 0].tolist() == [0.5] * 3 and sheet[:, 3, 9].tolist() == [0.5] * 3  # grey lines between cells
    dark = preview_sheet(rendering(parts), background=0.2)
    assert dark[:, 4, 5].tolist() == pytest.approx([0.25 + 0.7 * 0.2] * 3)
    assert cell(4, 0) == [0.0] * 3 and cell(4, 1) == [1.0] * 3  # the third part's alpha


def test_what_rounding_pushes_past_white_is_white() -> None:
    bright = Rendering(
        colour=torch.full((1, 3, 3, 3), 1.2),
        opacity=torch.ones(1, 3, 3),
        depth=torch.zeros(1, 3, 3),
        parts=torch.zeros(1, 3, 3, 0),
    )
    assert preview_sheet(bright).max() == 1
