"""What the page calls things, and what it says while a run goes."""

import html
import re
from collections.abc import Mapping, Sequence
from typing import Any

LABELS: Mapping[str, str] = {
    "model": "Model",
    "alpha_clip": "Encoder",
    "focus": "Focus",
    "fit": "Fit",
    "strength": "Strength",
    "schedule": "Schedule",
    "number": "Pictures",
    "seed": "Seed",
    "steps": "Steps",
    "guidance": "Guidance",
    "scheduler": "Sampler",
    "invert": "Look everywhere else",
    "feather": "Soft edges",
    "alpha_from_image": "The picture's own alpha",
    "compare": "Compare",
    "sweep": "Sweep",
    "text": "Texts",
    "question": "Question",
    "phrase": "What to find",
    "among": "Among",
    "grounder": "Grounder",
    "label_map": "several regions",
    "mask": "a region",
    "box": "a box",
    "point": "a point",
    "negative_mask": "a region to keep away from",
    "images": "a picture",
    "prompt": "What it is to be",
    "start": "Start from",
    "mode": "What happens",
    "part": "Part",
    "painted": "What is painted",
    "symmetry": "Symmetry",
    "x": "Middle, to the right",
    "y": "Middle, to the back",
    "z": "Middle, upwards",
    "wide": "Width",
    "deep": "Depth",
    "high": "Height",
}
"""Setting -> what stands beside its control."""


def in_labels(message: str) -> str:
    """A message of a run, with controls in the place of the settings' names in backticks."""
    return re.sub(r"`([a-z_]+)`", lambda found: LABELS.get(found[1], found[0]), message)


def in_toast(message: str) -> str:
    """The same for a toast, which takes its text for HTML: names of files may hold what looks like it."""
    return html.escape(in_labels(message), quote=False)


def idle() -> str:
    """What the progress shows where nothing goes on."""
    return '<div class="studio-progress" role="status" aria-live="polite"></div>'


def said(text: str) -> str:
    """A line in the place of the progress."""
    return f'<div class="studio-progress" role="status" aria-live="polite"><p>{html.escape(text)}</p></div>'


def progress(step: Mapping[str, Any], seconds: float) -> str:
    """A bar with the time that is left.

    Args:
        step: What a run tells at a step: `call` of `calls`, `step` of `steps`.
        seconds: Since the first step was told.
    """
    share = share_done(step)
    at = f"step {step['step']} of {step['steps']}"
    if step["calls"] > 1:
        at += f", batch {step['call']} of {step['calls']}"
    left = f", {in_time(seconds * (1 - share) / share)} left" if seconds > 1 and share > 0 else ""
    bar = f'<progress max="1" value="{share:.3f}" aria-label="drawn by now"></progress>'
    return f'<div class="studio-progress">{bar}<p>{html.escape(at + left)}</p></div>'


def share_done(step: Mapping[str, Any]) -> float:
    """How much of a run is done after a step, 0 to 1."""
    return (step["call"] - 1 + min(1.0, step["step"] / step["steps"])) / step["calls"]


def in_time(seconds: float) -> str:
    """A length of time as people say it."""
    whole = max(1, round(seconds))
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def bars(texts: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    """Each region's shares among the texts, the largest first, as bars.

    Args:
        texts: The texts.
        rows: For each region its name (`region`), `shares` and `cosines`, one for each text.
    """
    blocks = []
    for row in rows:
        ranked = sorted(zip(texts, row["shares"], row["cosines"], strict=True), key=lambda entry: -entry[1])
        lines = "".join(_bar(text, share, cosine) for text, share, cosine in ranked)
        blocks.append(f'<section><h4>{html.escape(row["region"])}</h4><div class="studio-bars">{lines}</div></section>')
    return "".join(blocks)


def answers(rows: Sequence[Mapping[str, Any]]) -> str:
    """What is said of each region.

    Args:
        rows: For each region its name (`region`) and the `answer`.
    """
    return "".join(
        f"<section><h4>{html.escape(row['region'])}</h4><p>{html.escape(row['answer'])}</p></section>" for row in rows
    )


def _bar(text: str, share: float, cosine: float) -> str:
    name = html.escape(text)
    meter = f'<meter min="0" max="1" value="{share:.4f}" aria-label="{name}" title="cosine {cosine:.3f}"></meter>'
    return f'<div class="bar"><span>{name}</span>{meter}<span>{share:.1%}</span></div>'
