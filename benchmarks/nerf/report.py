"""The table and the sheet of `steering.py`."""

import statistics
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import torch
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid

from benchmarks.nerf.measures import Stage, whole_views
from gencontrol.files import atomic_file
from gencontrol.nerf.field.scene import load_scene

Key: TypeAlias = tuple[str, str, str]
"""Sprite, prompt, row."""
Results: TypeAlias = Mapping[Key, Sequence[Mapping[str, Any]]]
"""Key -> points along the run."""

TOP = 5
"""A rank up to this counts as read."""


def table(results: Results, *, rows: Sequence[str], names: int) -> str:
    """One line a row over its runs' last points, a line of chance, and rows compared at equal judge score."""
    head = f"{'':27}{'runs':>5}{'rank':>6}{'top 5':>7}{'grey':>6}{'log p':>8}"
    lines = [f"{head}{'PSNR':>7}{'least':>7}{'close':>7}{'least':>7}{'SSIM':>7}{'change':>8}{'min':>6}"]
    lines.append(f"{'chance':27}{'':5}{(names + 1) / 2:6.0f}{TOP / names:7.0%}{(names + 1) / 2:6.0f}")
    for row in rows:
        last = [points[-1] for (_, _, name), points in results.items() if name == row]
        if last:
            lines.append(_line(row, last))
    pairs = ((f"plain CLIP{how}", f"Alpha-CLIP{how}") for how in ("", ", steps by size"))
    return "\n".join([*lines, *(_compared(results, plain, alpha) for plain, alpha in pairs)])


def _line(row: str, last: Sequence[Mapping[str, Any]]) -> str:
    def column(name: str) -> list[float]:
        return [point[name] for point in last]

    return (
        f"{row:27}{len(last):5}{statistics.median(column('rank')):6.0f}"
        f"{statistics.mean(r <= TOP for r in column('rank')):7.0%}"
        f"{statistics.median(column('textureless_rank')):6.0f}{statistics.mean(column('log_probability')):8.2f}"
        f"{statistics.median(column('psnr')):7.1f}{min(column('psnr')):7.1f}"
        f"{statistics.median(column('close_psnr')):7.1f}{min(column('close_psnr')):7.1f}"
        f"{statistics.mean(column('ssim')):7.3f}"
        f"{statistics.mean(column('change')):8.2%}{statistics.mean(column('minutes')):6.1f}"
    )


def _compared(results: Results, plain: str, alpha: str) -> str:
    pairs = equal_score(results, plain, alpha)
    if not pairs:
        return f"no case in which both {plain} and {alpha} raised the judge's score"
    first, second = zip(*pairs, strict=True)
    ratios = [b / a for a, b in pairs if a > 0]
    return (
        f"at equal judge score, {len(pairs)} cases: {plain} has changed {statistics.median(first):.2%} of the rest, "
        f"and {alpha} {statistics.median(second):.2%} (medians); "
        f"ratio {statistics.median(ratios) if ratios else float('nan'):.2f} (median of the cases' own)"
    )


def equal_score(results: Results, first: str, second: str) -> list[tuple[float, float]]:
    """For each case in which both rows raised the judge's score: their change of the rest where they first reached it.

    The score compared at is the highest that both reach.
    """
    pairs = []
    for sprite, prompt, row in results:
        if row != first or (sprite, prompt, second) not in results:
            continue
        runs = [results[sprite, prompt, name] for name in (first, second)]
        score = min(max(point["log_probability"] for point in run) for run in runs)
        if score > max(run[0]["log_probability"] for run in runs):
            a, b = (change_at(run, score) for run in runs)
            pairs.append((a, b))
    return pairs


def change_at(points: Sequence[Mapping[str, Any]], score: float) -> float:
    """Change of the rest when a run's judge score first reached a value, linear between two measurements."""
    for before, after in pairwise(points):
        low, high = before["log_probability"], after["log_probability"]
        if low < score <= high:
            return before["change"] + (after["change"] - before["change"]) * (score - low) / (high - low)
    return points[0]["change"]


def write_sheet(results: Results, rows: Sequence[str], stage: Stage, folder: Path) -> Path | None:
    """Pictures of every finished case, a line each, one view of each row; `sheet.png`."""
    cases = dict.fromkeys((sprite, prompt) for sprite, prompt, _ in results)
    pictures = []
    for sprite, prompt in cases:
        for row in rows:
            path = folder / f"{scene_name(sprite, prompt, row)}.safetensors"
            blank = torch.ones(3, stage.size, stage.size)
            pictures.append(whole_views(load_scene(path), stage)[0] if path.exists() else blank)
    if not pictures:
        return None
    path = folder / "sheet.png"
    with atomic_file(path) as temporary:
        to_pil_image(make_grid(torch.stack(pictures), nrow=len(rows), padding=2, pad_value=0.6)).save(temporary)
    return path


def scene_name(sprite: str, prompt: str, row: str) -> str:
    """File name without suffix of a run's scene and its points."""
    return f"{sprite}-{prompt}-{row}".replace(" ", "_").replace(",", "")
