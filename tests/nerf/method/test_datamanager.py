"""Rays and pixels of a step: of which cameras, and from what they are drawn."""

from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"views": 0}, "views must be at least 1; got 0"),
        ({"eval_views": 0}, "eval_views must be at least 1; got 0"),
        ({"fit_steps": 0}, "fit_steps must be at least 1; got 0"),
        ({"in_front_of": (255.0, 255.0, 255.0)}, r"in_front_of takes red, green and blue from 0 to 1"),
    ],
)
def test_views_that_cannot_be_are_refused_at_once(settings: dict[str, Any], message: str) -> None:
    from gencontrol.errors import ConfigError
    from gencontrol.nerf.method.entry import datamanager_config

    with pytest.raises(ConfigError, match=message):
        datamanager_config(**settings).setup()


def test_the_viewer_is_given_a_folder(manager: Any) -> None:
    # nerfstudio's viewer asks it whether it is a file, so that None would end `ns-viewer`.
    assert manager().get_datapath() == Path()


def test_draws_depend_on_seed_and_step_alone(manager: Any) -> None:
    first, second = manager(), manager()
    first.next_train(0)
    a, b = first.next_train(7), second.next_train(7)
    assert torch.equal(a[0].directions, b[0].directions) and torch.equal(a[1]["azimuth"], b[1]["azimuth"])
    other = manager(seed=1).next_train(7)
    assert not torch.equal(a[0].directions, other[0].directions)
    assert a[0].origins.shape == (2 * 16 * 16, 3)


def test_evaluation_looks_from_other_angles_than_training(manager: Any) -> None:
    data = manager()
    seen = [data.next_train(step)[1]["azimuth"].tolist() for step in range(4)]
    unseen = [data.next_eval(step)[1]["azimuth"].tolist() for step in range(4)]
    assert all(angles not in seen for angles in unseen) and unseen[0] != unseen[1]
