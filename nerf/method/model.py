"""The nerfstudio model: renders the voxel field, and turns views into losses."""

import dataclasses
import logging
from typing import Any, cast

import torch
from jaxtyping import Float
from nerfstudio.cameras.cameras import Cameras as StudioCameras
from nerfstudio.cameras.rays import RayBundle
from nerfstudio.models.base_model import Model
from torch import Tensor
from torch.nn import Parameter

from gencontrol.errors import GencontrolError, InputError
from gencontrol.guidance.score import Guide
from gencontrol.nerf.checks.check_settings import check_settings
from gencontrol.nerf.field import grid
from gencontrol.nerf.field.field import Edit, baked, composed_lattice
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.method.change_record import change_record, continues_change, store_change_record
from gencontrol.nerf.method.checkpoint import (
    SCENE_PARTS,
    STEERED_PARTS,
    make_room,
    parts_of_scene,
    scene_of,
    store_parts,
    stored_parts,
    warn_of_overruled,
)
from gencontrol.nerf.method.config import SteeredModelConfig
from gencontrol.nerf.method.evaluation import image_metrics_and_images
from gencontrol.nerf.method.fit import photometric
from gencontrol.nerf.method.new_field import canonical_of_replacement, first_field
from gencontrol.nerf.method.outputs import beyond_cube, to_normals, to_outputs, to_rgba
from gencontrol.nerf.method.schedules import resolution_at, schedules_of
from gencontrol.nerf.method.steered_parts import check_changeable, missing_sources, parts_of_config, steering_of
from gencontrol.nerf.method.viewer import attach, part_controls, restored_controls
from gencontrol.nerf.parts.initial_density import TRAINED_ABOVE, fill_empty, start_change
from gencontrol.nerf.parts.parts import (
    Part,
    check_parts,
    find_part,
    largest_membership,
    memberships,
    part_names,
)
from gencontrol.nerf.rays.normals import slope
from gencontrol.nerf.rays.rendering import Quadrature, Rendering, render_rays, reshape_rays
from gencontrol.nerf.steering.guidance import Guidance, Steering, guided_scores, load_guides, steering_losses
from gencontrol.nerf.steering.losses import check_finite, emptiness, emptiness_inputs, smoothness, weighted_guidance
from gencontrol.nerf.steering.relations import PartRelation, relation_losses, relations_of
from gencontrol.schedules import value_at
from gencontrol.streams import step_stream

log = logging.getLogger(__name__)


class SteeredModel(Model):
    """A voxel field whose highlighted parts follow their prompts.

    The encoders live in `_steering`, outside the module tree: they are loaded on first use and are in no checkpoint.
    """

    config: SteeredModelConfig  # pyright: ignore[reportIncompatibleVariableOverride]
    cells: Tensor

    def populate_modules(self) -> None:
        """Build the field, read the parts, and refuse settings that cannot work."""
        super().populate_modules()
        check_settings(self.config)
        self._schedules = schedules_of(self.config)
        self._step = self._guided = 0
        self._steering: Steering | None = None
        self._missing_sources, self._goes_on = missing_sources(self.config), False
        self._relations: tuple[PartRelation, ...] = ()
        self.field, base = first_field(self.config)
        self.field.canonical = canonical_of_replacement(self.config, lambda: self.parts)
        self._set_parts(parts_of_config(self.config, base))
        self._scene_parts = parts_of_scene(base)
        store_parts(self, SCENE_PARTS, self._scene_parts)
        self._begin_change(step=0)
        self.register_buffer("cells", torch.ones(1, 1, 1, dtype=torch.bool))
        self.register_load_state_dict_pre_hook(make_room)
        self.register_load_state_dict_post_hook(_restore_parts)
        self._controls = attach(self, part_controls(self.parts, self.change_part))

    @property
    def parts(self) -> tuple[Part, ...]:
        """What is steered."""
        return self._parts

    def get_param_groups(self) -> dict[str, list[Parameter]]:
        """What the field is trained by."""
        return {"field": self.field.trained()}

    def update_to_step(self, step: int) -> None:
        """Note the step of a checkpoint that is about to be loaded; the field takes its resolution from it."""
        self._step = step

    def begin_training(self) -> None:
        """Refuse what only a training run can know to be wrong, before its first step; encode the prompts.

        Raises:
            InputError: What it starts from is missing, there is nothing to change, or a prompt cannot be encoded.
            ConfigError: Nothing says what to make, or everything would be removed or replaced.
        """
        if self._missing_sources:
            raise InputError(f"There is nothing to train: {', '.join(self._missing_sources)} cannot be found.")
        check_changeable(self.parts, self.config.mode, self.field.base, begins=not self._goes_on)
        self._relations = relations_of(
            self.config.relations, self.parts, self._scene_parts, self._field_at, device=self.device
        )
        if self.config.mode != "fit" and any(part.prompt for part in self.parts):
            self.steering()

    def begin_step(self, step: int, *, fitted: int = 0) -> None:
        """Bring the field to a step, of which the first `fitted` are a fit's; its parameter may become another one."""
        self._step, self._guided = step, max(step - fitted, 0)
        changed = self.field.refine(resolution_at(self.config, step))
        if changed or step % self.config.skip_every == 0 or self.cells.numel() == 1:
            self.look_for_empty_cells()

    def begin_edit(self) -> None:
        """Freeze what has been fitted as the base, and start an edit of it."""
        base = grid.without_haze(baked(self.field, self.field.resolution))
        check_changeable(self.parts, self.config.mode, base, begins=True)
        self.field.start_edit(base, cast(Edit, self.config.mode))
        self._begin_change(step=self._step)
        self._guided = 0
        self.look_for_empty_cells()

    @torch.no_grad()
    def look_for_empty_cells(self, *, threshold: float = TRAINED_ABOVE, grow: int = 1) -> None:
        """Note which cells may be skipped until the next look."""
        self.cells = grid.occupied(self.lattice()[0], threshold=threshold, grow=grow)

    @torch.no_grad()
    def lattice(self) -> Float[Tensor, "4 r r r"]:
        """The composed field on one lattice, at least as fine as base and change, that has all nodes of the base."""
        return composed_lattice(self.field, self._change_membership)

    def scene(self) -> Scene:
        """The finished scene, with the parts as they were highlighted, and those that its base had beside them."""
        lattice = grid.without_haze(self.lattice()) if self.config.mode == "fit" else self.lattice()
        return scene_of(lattice.cpu(), before=self._scene_parts, steered=self.parts, mode=self.config.mode)

    def render(self, origins: Float[Tensor, "r 3"], directions: Float[Tensor, "r 3"]) -> Rendering:
        """Render rays as the model is: jittered in training, in the middle of the intervals otherwise."""
        jitter = step_stream(self.config.seed + 1, self._step) if self.training else None
        return render_rays(
            self._field_at,
            origins,
            directions,
            quadrature=Quadrature(
                samples=self.config.samples if self.training else self.config.eval_samples,
                stop_alpha_gradient=self.config.stop_alpha_gradient,
            ),
            cells=self.cells if self.cells.numel() > 1 else None,
            membership=memberships(self.parts),
            generator=jitter,
        )

    def get_outputs(self, ray_bundle: RayBundle | StudioCameras) -> dict[str, Any]:
        """What `to_outputs` gives, and outside of training the normals."""
        assert isinstance(ray_bundle, RayBundle)
        origins, directions = ray_bundle.origins.reshape(-1, 3), ray_bundle.directions.reshape(-1, 3)
        seen = self.render(origins, directions)
        beyond = beyond_cube(origins)
        outputs = to_outputs(seen, part_names(self.parts), background=self.config.background, beyond=beyond)
        if not self.training:
            outputs["normals"] = to_normals(self._slope(origins + directions * outputs["depth"]), seen.opacity)
        # No tensors, so nerfstudio's pictures pass them by: the losses, of training and of evaluation, need them.
        return outputs | {"seen": seen, "rays": (origins, directions)}

    def get_metrics_dict(self, outputs: dict[str, Any], batch: dict[str, Any]) -> dict[str, Any]:
        """Scores per part (training views, the guiding encoders), mean opacity, or the fit's PSNR."""
        if "target" in batch:
            error = photometric(outputs["seen"], batch["target"], batch["behind"]).detach()
            return {"psnr": -10 * error.log10().item()}
        guidance = outputs["losses"] = self._guidance(outputs["seen"], batch)
        scores = guided_scores(guidance, self._steering, step=self._guided)
        return scores | {"opacity": outputs["accumulation"].detach().mean().item(), "resolution": self.field.resolution}

    def get_loss_dict(
        self, outputs: dict[str, Any], batch: dict[str, Any], metrics_dict: dict[str, Any] | None = None
    ) -> dict[str, Tensor]:
        """Photometric loss while pictures are fitted, otherwise guidance and regularisers, each times its weight.

        Raises:
            GencontrolError: A loss is not finite.
        """
        if fitting := "target" in batch:
            losses = {"photometric": photometric(outputs["seen"], batch["target"], batch["behind"])}
        else:
            guidance = outputs["losses"] if "losses" in outputs else self._guidance(outputs["seen"], batch)
            losses = weighted_guidance(guidance, self.parts, self._schedules, step=self._guided)
            views = reshape_rays(outputs["seen"], tuple(batch["shape"]))
            streams = [step_stream(self.config.seed + number, batch["step"]) for number in (3, 4)]
            asked = {"mode": self.config.mode, "generator": streams[0], "resolution": self.field.resolution}
            inputs = emptiness_inputs(self.parts, self._field_at, outputs["rays"], **asked)
            losses |= emptiness(views, self._schedules, mode=self.config.mode, step=self._guided, **inputs)
            weight = value_at(self._schedules["relation"], self._guided)
            how = {"weight": weight, "generator": streams[1], "device": self.device}
            losses |= relation_losses(self._relations, self._field_at, self.parts, **how)
        losses |= smoothness(self.field.change_lattice(), self._schedules, step=self._guided, fitting=fitting)
        check_finite(losses, step=self._step)
        return losses

    @torch.no_grad()
    def get_image_metrics_and_images(
        self, outputs: dict[str, Any], batch: dict[str, Any]
    ) -> tuple[dict[str, float], dict[str, Tensor]]:
        """See `image_metrics_and_images`."""
        behind = self.config.background
        return image_metrics_and_images(outputs, batch, self.parts, background=behind, steering=self.steering)

    def get_rgba_image(self, outputs: dict[str, Tensor], output_name: str = "rgb") -> Tensor:
        """Straight colour and opacity, the background taken out."""
        return to_rgba(outputs, output_name, background=self.config.background)

    def steering(self) -> Steering:
        """The encoders and the encoded prompts; loaded on first use."""
        self._steering = self._steering or steering_of(self.config, self.parts, self._guides())
        return self._steering

    def _guides(self) -> tuple[Guide, ...]:
        return self._steering.guides if self._steering else load_guides(self.config.encoders, device=self.device)

    def change_part(self, name: str, changes: dict[str, Any]) -> None:
        """Change a part's prompt, weight or highlight from the next step on; what cannot be is logged and left out.

        The viewer calls this; an error there would end in its thread, unseen.
        """
        try:
            find_part(self.parts, name)
            moved = [dataclasses.replace(p, **changes) if p.name == name else p for p in self.parts]
            parts, steering = check_parts(moved), self._steering
            if changes.get("prompt") or (steering is not None and "prompt" in changes):
                # Also where nothing was steered so far: an unknown word would else end the run at its next step.
                steering = steering_of(self.config, parts, self._guides())
            elif steering is not None:
                steering = dataclasses.replace(steering, parts=parts)
        except GencontrolError as error:
            log.warning("%s", error)
            return
        self._set_parts(parts, steering=steering)
        if self.field.base is not None:
            # A highlight may have been moved to an empty place.
            fill_empty(self.field, parts, mode=self.field.mode, peak=self.config.ball_peak)
            self.look_for_empty_cells()

    def _set_parts(self, parts: tuple[Part, ...], *, steering: Steering | None = None) -> None:
        self._parts, self._steering = parts, steering
        store_parts(self, STEERED_PARTS, parts)

    def _begin_change(self, *, step: int) -> None:
        start_change(self.field, self.parts, mode=self.config.mode, peak=self.config.ball_peak)
        if self.field.base is not None or self.config.mode == "create":
            store_change_record(self, change_record(self.config, begun=step))

    def _change_membership(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, " n"] | None:
        if self.field.base is None or self.config.free:
            return None
        return largest_membership(self.parts, points, softness=self.config.softness)

    @torch.no_grad()
    def _slope(self, points: Float[Tensor, "n 3"]) -> Float[Tensor, "n 3"]:
        return slope(
            lambda places: self.field.raw(places, self._change_membership(places))[:, 0],
            points,
            step=2 / (self.field.resolution - 1),
        )

    def _guidance(self, seen: Rendering, batch: dict[str, Any]) -> Guidance:
        if not any(part.prompt for part in self.parts):
            return Guidance(similarity={}, contrast={})
        views = reshape_rays(seen, tuple(batch["shape"]))
        generator = step_stream(self.config.seed + 2, batch["step"])
        azimuth, elevation = batch["azimuth"], batch["elevation"]
        return steering_losses(self.steering(), views, azimuth, elevation, step=self._guided, generator=generator)

    def _field_at(self, points: Float[Tensor, "n 3"]) -> tuple[Float[Tensor, " n"], Float[Tensor, "n 3"]]:
        return self.field(points, self._change_membership(points))


def _restore_parts(module: torch.nn.Module, _: object) -> None:
    assert isinstance(module, SteeredModel)
    given = module._parts
    module._parts, module._scene_parts = stored_parts(module, STEERED_PARTS), stored_parts(module, SCENE_PARTS)
    if not module._missing_sources:
        warn_of_overruled(module.config, given, module._parts)
    module._steering, module._missing_sources, module._goes_on = None, [], continues_change(module, module.config.mode)
    controls = restored_controls(module._controls, module._parts, module.change_part)
    module._controls = attach(module, controls, instead_of=module._controls)
    # A data set's field is a creation's until its edit has begun; a base in the checkpoint says that it had.
    if module.field.base is not None:
        module.field.mode = cast(Edit, module.config.mode)
