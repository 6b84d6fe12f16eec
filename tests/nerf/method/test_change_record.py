"""What a checkpoint's values mean is stored beside them."""

import dataclasses
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_what_a_change_means_is_read_back(make, scene_file: Path) -> None:
    from gencontrol.nerf.method.change_record import (
        ChangeRecord,
        change_record,
        store_change_record,
        stored_change_record,
    )

    module = torch.nn.Linear(1, 1)
    assert stored_change_record(module) is None
    removal = ChangeRecord(
        mode="remove",
        begun=7,
        representation="voxels",
        symmetry="none",
        free=False,
        softness=0.1,
        ball_radius=0.0,
        ball_sharpness=0.0,
        ball_peak=0.0,
    )
    store_change_record(module, removal)
    assert stored_change_record(module) == removal
    assert (
        stored_change_record(make(mode="fit")) is None and stored_change_record(make(prompt="x", mode="edit")) is None
    )
    round_thing = make(prompt="red cat", mode="create", symmetry="quarter")
    assert stored_change_record(round_thing) == change_record(round_thing.config, begun=0)
    settings = {"scene": scene_file, "sphere": (0.6, -0.1, -0.2, 0.5), "softness": 0.2, "symmetry": "mirror"}
    replaced = make(prompt="red cat", mode="replace", **settings)
    opened = make(prompt="red cat", mode="edit")
    opened.load_state_dict(replaced.state_dict())
    wanted = dataclasses.replace(removal, mode="replace", begun=0, symmetry="mirror", softness=0.2)
    assert stored_change_record(opened) == wanted


def test_a_checkpoint_of_an_earlier_version_is_refused(make) -> None:
    import json

    from gencontrol.errors import CheckpointError
    from gencontrol.nerf.method.change_record import CHANGE_RECORD, pack, stored_change_record, unpack
    from gencontrol.nerf.method.checkpoint import STEERED_PARTS

    model = make(prompt="red cat")
    state = model.state_dict()
    parts = [{key: v for key, v in part.items() if key != "steered"} for part in unpack(state[STEERED_PARTS])]
    with pytest.raises(CheckpointError, match=r"earlier version of gencontrol.*train it again"):
        make(prompt="red cat").load_state_dict(state | {STEERED_PARTS: pack(json.dumps(parts))})
    model.register_buffer(CHANGE_RECORD, pack('{"mode": "create", "begun": 0}'))
    with pytest.raises(CheckpointError, match="earlier version"):
        stored_change_record(model)


def test_a_change_is_said_anew_where_another_one_goes_on(make) -> None:
    from gencontrol.nerf.method.change_record import (
        change_record,
        continues_change,
        renew_change_record,
        stored_change_record,
    )

    creation, fit, later = make(prompt="x", symmetry="quarter"), make(mode="fit"), make(prompt="x", mode="edit")
    assert (
        continues_change(creation, "create")
        and not continues_change(creation, "edit")
        and not continues_change(fit, "fit")
    )
    for model in (fit, later):
        model.load_state_dict(creation.state_dict())
        renew_change_record(model, model.config)
        assert stored_change_record(model) is None  # as of no creation: it may become one without the symmetry
    again = make(prompt="x", symmetry="mirror")
    again.load_state_dict(fit.state_dict())
    assert stored_change_record(again) is None
    renew_change_record(again, again.config)
    assert stored_change_record(again) == change_record(again.config, begun=0)


def test_only_what_a_mode_reads_is_stored_as_its_meaning(make) -> None:
    from gencontrol.nerf.method.change_record import change_record
    from gencontrol.nerf.method.config import SteeredModelConfig

    def of(**settings: Any):
        return change_record(SteeredModelConfig(**settings), begun=0)

    assert of(softness=0.1, free=True, ball_peak=1.0) == of()
    assert of(representation="hash", ball_peak=1.0) != of(representation="hash") != of()
    assert of(mode="edit", softness=0.1) != of(mode="edit") != of(mode="edit", free=True)
    assert of(mode="edit", softness=0.1, free=True) == of(mode="edit", free=True)


def test_texts_survive_in_a_tensor() -> None:
    from gencontrol.nerf.method.change_record import pack, unpack

    assert unpack(pack('{"name": "caf\\u00e9"}')) == {"name": "caf\u00e9"}
