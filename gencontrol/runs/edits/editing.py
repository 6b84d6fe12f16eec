"""Carrying an edit out: the host is opened, the hole painted, and results are written whole."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from gencontrol.images.picture import Picture
from gencontrol.images.reading import open_image
from gencontrol.images.sheets import contact_sheet
from gencontrol.images.writing import to_pil
from gencontrol.pipelines.editing.painting import edit, remove
from gencontrol.pipelines.editing.window import MARGIN
from gencontrol.runs.drawing import advised_on_memory
from gencontrol.runs.edits.hosts import open_painter, paint
from gencontrol.runs.edits.planning import EditPlan, Shown, read_shown, reference_of
from gencontrol.runs.files.outputs import Item, write_picture
from gencontrol.runs.files.sheets import write_sheets
from gencontrol.runs.machine.interrupts import check_interrupted
from gencontrol.runs.notices import naming, warn
from gencontrol.runs.opening import open_host


def run_edits(plan: EditPlan) -> list[Path]:
    """Paint and write; what is written by the time of an error is whole.

    Raises:
        InputError: No such device, or one that ran out of memory.
        CheckpointError: Weights that are not there, or are broken.
        KeyboardInterrupt: Ctrl-C, after the photograph that is painted.
    """
    opened = _open(plan) if plan.items else None
    written = []
    for item in plan.items:
        check_interrupted()
        assert item.image is not None
        with naming(item.image, among=len(plan.items)):
            written += _edit_one(plan, opened, item, item.image)
    return written


def rehearse_edits(plan: EditPlan) -> list[Path]:
    """What a run would write; no weights are loaded."""
    return [path for item in plan.items for path in (*item.paths, *item.sheets.values())]


def _open(plan: EditPlan) -> Any:
    settings, asked = plan.settings, plan.asked
    if plan.fitted is not None:
        return open_painter(plan.fitted, settings)
    if asked is None:
        return None
    how: dict[str, Any] = {"dtype": settings.dtype, "device": settings.device, "offload": settings.offload}
    return open_host(asked.model, asked.encoder, **how)


def _edit_one(plan: EditPlan, opened: Any, item: Item, image: Path) -> list[Path]:
    shown = read_shown(plan, image)
    results = [to_pil(picture) for picture in _painted(plan, opened, shown)]
    exif, settings = _exif(image), plan.settings
    record = plan.record(image, shown)
    written = []
    for result, path, seed in zip(results, item.paths, plan.seeds, strict=True):
        if result.mode == "RGBA" and path.suffix.lower() in (".jpg", ".jpeg"):
            warn(f"{path} is a JPEG, which has no alpha channel: that of the photograph is left out.")
            result = result.convert("RGB")
        marked = None if record is None else record | {"seed": seed}
        if write_picture(result, path, record=marked, existing=settings.existing, exif=exif):
            written.append(path)
    made = {"grid": _sheet(plan, shown.photo, results)} if "grid" in item.sheets else {}
    sheets = write_sheets(item, made, record=record, seeds=plan.seeds, existing=settings.existing)
    return written + [path for _, path in sheets]


def _sheet(plan: EditPlan, photo: Picture, results: Sequence[Image.Image]) -> Image.Image:
    cells = [to_pil(photo).convert("RGB"), *(result.convert("RGB") for result in results)]
    labels = ["photograph", *(f"seed {seed}" for seed in plan.seeds)]
    return contact_sheet([cells], row_labels=[""], column_labels=labels)


def _painted(plan: EditPlan, opened: Any, shown: Shown) -> list[Picture]:
    settings = plan.settings
    if opened is None:
        return [remove(shown.photo, shown.hole)]
    with advised_on_memory():
        if plan.drawing is not None:
            how: dict[str, Any] = {"settings": settings, "drawing": plan.drawing, "seeds": plan.seeds}
            return paint(opened, shown.photo, shown.hole, reference_of(plan, shown), **how)
        assert settings.guidance is not None and shown.like is not None
        return edit(
            opened,
            shown.photo,
            shown.hole,
            shown.like.scene,
            focus=plan.focus,
            fit=settings.fit,
            strength=plan.strength,
            seeds=plan.seeds,
            num_inference_steps=settings.steps,
            guidance_scale=settings.guidance,
            margin=MARGIN if settings.margin is None else settings.margin,
            seam=settings.seam,
        )


def _exif(path: Path) -> Image.Exif:
    """What the photograph says of itself; it has been turned upright by now."""
    exif = open_image(path).getexif()
    exif.pop(0x0112, None)
    return exif
