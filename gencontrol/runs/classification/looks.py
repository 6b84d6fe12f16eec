"""Which ways to look a run shows side by side, and which sentences it takes, by their settings."""

from pathlib import Path

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.errors import ConfigError, InputError
from gencontrol.focus.registry import FOCUS
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.tasks.templates import TEMPLATES, check_templates
from gencontrol.text_files import read_text

SLOW = frozenset({"mask-inversion"})
"""Ways to look that a comparison leaves out: they take many steps for each region."""


def looks_of_run(encoder: AlphaCLIP, called: str, chosen: FocusStrategy, *, compare: bool) -> dict[str, FocusStrategy]:
    """What each way to look is called; the chosen one comes first.

    Args:
        encoder: Which looks; it is not asked to by alpha or in one pass where it was not trained for that.
        called: What the chosen way is called.
        chosen: The way that the settings name, or the encoder's own.
        compare: Whether to show the others too.
    """
    looks = {called: chosen}
    if compare:
        able = {"alpha": encoder.has_alpha, "one-pass": encoder.one_pass is not None}
        names = [name for name in FOCUS if name not in SLOW and able.get(name, True)]
        looks |= {name: FOCUS[name]() for name in names if name not in looks}
    return looks


def read_templates(text: str) -> tuple[str, ...] | None:
    """The set of that name, or the lines of that file; None where the encoder is to choose.

    Raises:
        ConfigError: No set and no file.
        InputError: A template that no label can be put into.
    """
    if text == "auto" or text in TEMPLATES:
        return TEMPLATES.get(text)
    if not Path(text).exists() and "." not in text and "/" not in text:
        raise ConfigError(f"`templates`: expected a file, or auto, {', '.join(TEMPLATES)}, got {text!r}.")
    lines = read_text(Path(text), what="a file with a template on each line").splitlines()
    templates = tuple(line.strip() for line in lines if line.strip())
    try:
        check_templates(templates)
    except InputError as error:
        raise InputError(f"{text}: {error}") from error
    return templates
