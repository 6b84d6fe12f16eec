"""A run begins only where the disk has room for its end."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from gencontrol.errors import InputError

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_a_run_needs_two_checkpoints_and_its_scene(make: Any) -> None:
    from gencontrol.nerf.checks.check_space import needed_bytes

    small, large = (needed_bytes(make(prompt="red cat", resolution=f"0:8 5:{nodes}")) for nodes in (8, 40))
    # Four values a node, of four bytes: the field and Adam's two moments of it, twice, and once the scene.
    assert large - small == pytest.approx(16 * (40**3 - 8**3) * 7, rel=1e-3)
    assert small > 1 << 23


def test_what_is_written_is_no_more_than_what_is_asked_for(make: Any, tmp_path: Path) -> None:
    from gencontrol.nerf.checks.check_space import needed_bytes

    model = make(prompt="red cat", resolution="0:32")
    optimiser = torch.optim.Adam(model.field.trained())
    model.field.trained()[0].grad = torch.ones_like(model.field.trained()[0])
    optimiser.step()
    torch.save({"pipeline": model.state_dict(), "optimizers": optimiser.state_dict()}, tmp_path / "x.ckpt")
    assert needed_bytes(model) - (1 << 23) > 2 * (tmp_path / "x.ckpt").stat().st_size * 0.98


def test_a_full_disk_is_named_before_the_first_step(make: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from gencontrol.nerf.checks.check_space import check_space, needed_bytes

    model = make(prompt="red cat")
    asked = []
    for free, fits in ((needed_bytes(model), True), (needed_bytes(model) - 1, False)):
        monkeypatch.setattr(
            "shutil.disk_usage", lambda path, free=free: asked.append(path) or SimpleNamespace(free=free)
        )
        if fits:
            check_space(model, tmp_path / "not" / "made")
            continue
        with pytest.raises(InputError, match=r"has 9 MB left, .* writes up to 9 MB: make room.*`output`"):
            check_space(model, tmp_path / "not" / "made")
    assert set(asked) == {tmp_path}
