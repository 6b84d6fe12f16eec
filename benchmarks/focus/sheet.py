"""Pictures to look at: each scene with its mask, then what each row makes of it."""

from collections.abc import Sequence

import torch
from PIL import Image

from benchmarks.focus.rows import Encoders, Row
from benchmarks.focus.scenes import Marked
from benchmarks.focus.variation import SIZE, Draw, Plan, noise_seed
from gencontrol.images.sheets import contact_sheet
from gencontrol.images.writing import to_pil
from gencontrol.regions.geometry import Geometry
from gencontrol.regions.preview import preview
from gencontrol.sprites.catalog import Concept

LABELS = {
    "plain": "no mask",
    "crop": "masked crop",
    "crop-wide-source": "masked crop, wider",
    "crops-source": "two masked crops",
    "blank": "blank outside",
    "alpha": "Alpha-CLIP, mask",
    "zoom-blank-source": "close up, blank",
    "zoom-tight-source": "Alpha-CLIP, close up",
    "zooms-source": "Alpha-CLIP, two looks",
    "box-zoom-source": "a box, close up",
    "box-zooms-source": "a box, two looks",
    "alone": "sprite alone",
}
"""Of the columns, by the rows' keys: short, since they stand below small pictures."""


@torch.inference_mode()
def variation_sheet(
    rows: Sequence[Row],
    marked: Marked,
    concepts: Sequence[Concept],
    plan: Plan,
    *,
    encoders: Encoders,
    draw: Draw,
    count: int,
) -> Image.Image:
    """The first `count` scenes: the mask outlined, then the picture that each row was judged by.

    Args:
        rows: One column each.
        marked: The first chunk of the scenes.
        concepts: For their names.
        plan: For the noise.
        encoders: For the embeddings.
        draw: The generator.
        count: Rows of the sheet.
    """
    count = min(count, len(marked.rgb))
    seeds = [noise_seed(plan, scene, 0) for scene in range(count)]
    columns = [draw(row.embed(encoders, marked)[:count], seeds) for row in rows]
    lines = []
    for scene in range(count):
        seen = preview(marked.rgb[scene], marked.alpha[scene], Geometry(size=SIZE), readable=SIZE)
        lines.append([seen, *(to_pil(column[scene]) for column in columns)])
    names = [concepts[c].name for c in marked.concept[:count].tolist()]
    beside = [", ".join(concepts[o].name for o in others if o >= 0) for others in marked.others[:count].tolist()]
    return contact_sheet(
        lines,
        row_labels=[f"{name} (beside {others})" for name, others in zip(names, beside, strict=True)],
        column_labels=["where to look", *(LABELS[row.key] for row in rows)],
    )
