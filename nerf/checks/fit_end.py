"""The last step of a fit: what it left in empty space is left out, and a fit that failed is told of."""

import logging
from typing import Any

import torch
from nerfstudio.engine.callbacks import TrainingCallbackAttributes

from gencontrol.nerf.checks.check_run import span_of
from gencontrol.nerf.field import grid
from gencontrol.nerf.method.change_record import stored_change_record
from gencontrol.nerf.method.fit import fit_steps_of, fitted_before
from gencontrol.nerf.method.model import SteeredModel

log = logging.getLogger(__name__)

# Decibels below which a fit shows something else than its pictures; a good one of small pictures reaches 25 to 30.
_BAD_FIT = 15.0


def end_step(model: SteeredModel, attributes: TrainingCallbackAttributes, step: int) -> None:
    """After the last step of a fit: say so if it fits badly, and skip its haze in renderings of its checkpoint."""
    change = stored_change_record(model)
    if model.config.mode == "fit":
        last = span_of(attributes)[2]
    else:
        last = fitted_before(model.config, fit_steps_of(attributes), change=change)
    if step + 1 != last:
        return
    warn_of_bad_fit(model, attributes, step)
    if model.config.mode == "fit":
        # As its scene leaves it out.
        model.look_for_empty_cells(threshold=grid.HAZE, grow=0)


@torch.no_grad()
def warn_of_bad_fit(model: SteeredModel, attributes: TrainingCallbackAttributes, step: int) -> None:
    """Say that a finished fit is far from its pictures, and what makes fits so; nothing else would."""
    data: Any = getattr(attributes.pipeline, "datamanager", None)
    rays, batch = data.next_train(step)
    if "target" not in batch:
        return
    score = model.get_metrics_dict(model.get_outputs(rays), batch)["psnr"]
    if score < _BAD_FIT:
        log.warning(
            "The fit is far from its pictures: %.1f dB, where 20 and more are usual. Mostly the data set's intrinsics "
            "(fl_x, fl_y) or poses (transform_matrix) are not those of its pictures, or its pictures show what the "
            "scene's cube does not hold.",
            score,
        )
