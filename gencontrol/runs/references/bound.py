"""References as a run reads them: a picture with its regions, and how it acts."""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from gencontrol.errors import GencontrolError, InputError
from gencontrol.pipelines.references.reference import RegionReference
from gencontrol.regions.masks import from_mask
from gencontrol.regions.region import Region
from gencontrol.regions.scene import Scene
from gencontrol.runs.files.inputs import Input, inputs_of
from gencontrol.runs.files.records import storable
from gencontrol.runs.notation import parse_focus, split_weight
from gencontrol.runs.notices import naming, without_advice
from gencontrol.runs.pointing import read_pointing
from gencontrol.runs.references.notation import ReferenceText
from gencontrol.runs.scenes import RecordedScene, read_scene

_KEYS = {"canvas_mask": "canvas", "negative_mask_image": "negative_mask"}
"""Arguments of the pipelines -> the keys that stand for them, where they are called otherwise."""
_SETTINGS = {
    "negative_mask_image": "negative_mask",
    "num_inference_steps": "steps",
    "num_images_per_prompt": "batch",
}
"""Arguments of the pipelines -> the settings that stand for them."""


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How a reference acts: all but its picture. Plain values, as settings and records have them."""

    focus: str | None = None
    """How an encoder is made to look."""
    strength: float = 1.0
    """See `RegionReference`."""
    weight: float = 1.0
    """See `RegionReference`."""
    schedule: str | None = None
    """See `RegionReference`."""
    canvas: Region | None = None
    """Where on the output it acts, rounded to what a record holds; None is everywhere."""


@dataclass(frozen=True, kw_only=True)
class BoundReference:
    """A further reference."""

    recorded: RecordedScene
    """Its picture and regions."""
    feather: float = 0.0
    """By which the regions' edges are softened, in pixels."""
    terms: Terms
    """How it acts."""

    @property
    def reference(self) -> RegionReference:
        """As hosts are given it."""
        return as_reference(self.recorded.scene, self.terms)


def as_reference(scene: Scene, terms: Terms) -> RegionReference:
    """A picture with its regions, and how it acts, as hosts are given it.

    Raises:
        ConfigError: No such focus.
        InputError: A weight, a strength or a schedule that cannot be.
    """
    return RegionReference(
        image=scene,
        focus=parse_focus(terms.focus),
        strength=terms.strength,
        weight=terms.weight,
        schedule=terms.schedule,
        canvas_mask=terms.canvas,
    )


def read_reference(text: ReferenceText) -> BoundReference:
    """Read a further reference's picture and masks.

    Raises:
        ConfigError: A region that cannot be read.
        InputError: A picture or mask that cannot be used.
    """
    with in_keys(text.path):
        pointing = read_pointing(text.pointing, negative_mask=text.negative_mask)
        terms = Terms(
            focus=text.focus,
            strength=text.strength,
            weight=text.weight,
            schedule=text.schedule,
            canvas=read_canvas(text.canvas, name="canvas"),
        )
        scene = read_scene(text.path, pointing)
        # A weight, a strength or a focus that cannot be is refused here, where it is known whose it is.
        as_reference(scene.scene, terms)
        return BoundReference(recorded=scene, feather=text.pointing.feather, terms=terms)


@contextmanager
def in_keys(path: Path) -> Iterator[None]:
    """Say of which reference an error of the block is, in the keys that stand behind its path in the place of settings.

    Raises:
        GencontrolError: The block's, of its own class.
    """
    try:
        with naming(path, among=2), _arguments_as_keys():
            yield
    except GencontrolError as error:
        # A reference's masks are not stretched; its classes have a key.
        said = without_advice(str(error), "resize").replace("`from_index_mask`", "`index_mask`")
        keys = re.sub(r"`([a-z_]+)`", lambda found: f"{found[1]}=", said)
        raise type(error)(f"`reference`{' ' if keys.startswith(str(path)) else ': '}{keys}") from error


@contextmanager
def _arguments_as_keys() -> Iterator[None]:
    """An argument of the pipelines with which an error of the block begins, or a setting before its value, as a key."""
    try:
        yield
    except GencontrolError as error:
        text = re.sub(r"^([a-z_]+):", lambda found: f"{_KEYS.get(found[1], found[1])}:", str(error))
        raise type(error)(re.sub(r"^`([a-z_]+)` (?=\S)", r"\1=", text)) from error


@contextmanager
def in_settings() -> Iterator[None]:
    """Errors of the pipelines within the block, with the setting's name in the place of the argument's.

    Raises:
        GencontrolError: The block's, of its own class.
    """
    try:
        yield
    except GencontrolError as error:
        text = re.sub(r"^([a-z_]+):", lambda found: f"`{_SETTINGS.get(found[1], found[1])}`:", str(error))
        raise type(error)(re.sub(r"^height and width:", "`height` and `width`:", text)) from error


def read_canvas(path: str | None, *, name: str = "canvas_mask") -> Region | None:
    """A canvas mask, rounded to what a record holds.

    Args:
        path: Of its file; None is no mask.
        name: Of what names it, for errors.

    Raises:
        InputError: A mask that cannot be used.
    """
    if path is None:
        return None
    try:
        with naming(Path(path), among=2):
            return storable(from_mask(path, size=None))
    except InputError as error:
        raise InputError(f"{name}: {without_advice(str(error), 'from_index_mask')}") from error


def inputs_named(texts: Sequence[ReferenceText]) -> list[Input]:
    """Everything that further references read."""
    named = []
    for text in texts:
        named += inputs_of(text.pointing, [text.path], use="to take a part of")
        masks = [split_weight(mask, setting="negative_mask")[0] for mask in text.negative_mask]
        named += [Input(path=Path(mask), what="a negative mask") for mask in masks]
        named += [] if text.canvas is None else [Input(path=Path(text.canvas), what="a canvas mask")]
    return [entry for entry in named if entry.path.exists()]


def without_regions(references: Sequence[RegionReference]) -> list[RegionReference]:
    """The same references, each the whole of its picture."""
    return [replace(r, image=replace(r.image, regions=(), negative_regions=())) for r in references]
