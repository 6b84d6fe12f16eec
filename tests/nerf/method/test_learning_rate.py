"""The learning-rate schedule: its values, and that checkpoints hold no numpy."""

from pathlib import Path

import pytest
import torch

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves when they are imported.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_learning_rates_are_python_floats_so_checkpoints_open(tmp_path: Path) -> None:
    from gencontrol.nerf.method.entry import scheduler_config
    from gencontrol.nerf.method.learning_rate import decay_factor

    parameter = torch.nn.Parameter(torch.zeros(2))
    optimizer = torch.optim.Adam([parameter], lr=0.1)
    scheduler = scheduler_config(final=0.25, max_steps=4).setup().get_scheduler(optimizer, lr_init=0.1)
    rates = []
    for _ in range(6):
        rates.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([0.1 * 0.25 ** (min(s, 4) / 4) for s in range(6)])
    assert all(type(rate) is float for rate in rates)
    torch.save({"optimizer": optimizer.state_dict(), "scheduler": scheduler.state_dict()}, tmp_path / "x.ckpt")
    assert (
        torch.load(tmp_path / "x.ckpt", weights_only=True)["optimizer"]["param_groups"][0]["lr"]
        == optimizer.param_groups[0]["lr"]
    )
    assert decay_factor(8, final=0.25, max_steps=4) == 0.25


def test_a_decay_over_no_steps_is_over_at_once() -> None:
    from gencontrol.nerf.method.learning_rate import decay_factor

    assert [decay_factor(step, final=0.2, max_steps=0) for step in (0, 5)] == [1.0, 1.0]
    assert decay_factor(1, final=0.2, max_steps=1) == pytest.approx(0.2)
