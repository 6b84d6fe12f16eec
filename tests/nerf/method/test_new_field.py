"""The field that a run starts with."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


EGG = (0.6, -0.1, -0.2, 0.5)


def test_a_creation_may_be_symmetric(make) -> None:
    found, free = make(prompt="red cat", symmetry="quarter").lattice(), make(prompt="red cat").lattice()
    assert torch.allclose(found, found.transpose(-1, -2), atol=1e-6)
    assert not torch.allclose(free, free.transpose(-1, -2), atol=1e-2)


def test_a_symmetric_replacement_is_symmetric_about_its_parts_axis(make, scene_file: Path) -> None:
    model = make(prompt="red cat", mode="replace", scene=scene_file, sphere=EGG, symmetry="quarter")
    with torch.no_grad():
        model.field.change += torch.randn(model.field.change.shape, generator=torch.Generator().manual_seed(0))
    centre = torch.tensor(EGG[:3])
    offsets = torch.rand(50, 3, generator=torch.Generator().manual_seed(1)) * 0.4 - 0.2
    turned = torch.stack([-offsets[:, 1], offsets[:, 0], offsets[:, 2]], dim=1)
    density, colour = model.field(centre + offsets)
    again, colour_again = model.field(centre + turned)
    assert torch.allclose(again, density, rtol=1e-3) and torch.allclose(colour_again, colour, atol=1e-4)
    free = make(prompt="red cat", mode="replace", scene=scene_file, sphere=EGG)
    assert free.field.canonical is None


def test_pictures_say_themselves_what_is_symmetric_before_a_part_of_them_is_replaced(make) -> None:
    fitted = make(prompt="red cat", mode="replace", sphere=EGG, symmetry="quarter").field
    assert fitted.base is None and fitted.symmetry == "none"
