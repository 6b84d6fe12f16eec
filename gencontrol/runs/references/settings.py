"""Settings that only hosts of references take."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Any

from gencontrol.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class ReferenceSettings:
    """What hosts of references take beside a picture and its regions; `gencontrol models` lists them."""

    prompt: str | None = None
    """A text beside the picture, for a model that takes references (`gencontrol models`), as are those below."""
    negative_prompt: str | None = None
    """A text to keep away from."""
    reference: tuple[str, ...] = ()
    """One more picture: its path, then what binds to it, such as 2.png,mask=hat.png,weight=0.6,canvas=left.png; keys
    are mask, index_mask, box, point, level, negative_mask, feather, focus, strength, weight, canvas and schedule."""
    canvas_mask: str | None = None
    """Where on the output the first picture acts: a mask of the output's shape."""
    weight: float = 1.0
    """How much the first picture counts beside prompt and references, 0 to 2; `schedule` is this over the steps."""
    base: str | None = None
    """Folder or hub id of a pipeline in the place of the published one."""
    adapter: str | None = None
    """Adapter in the place of the published one: a .safetensors file, a folder, or a hub id."""
    image_encoder: str | None = None
    """Folder or hub id of the vision tower, in the place of the published one."""
    prior: str | None = None
    """Folder or hub id of the prior that makes an embedding of `prompt` (Kandinsky), in the place of the published."""
    text_share: float | None = None
    """How much the prompt is of what Kandinsky mixes of it and the pictures, 0 to 1; 0.3 for 2.2 unless given."""
    height: int | None = None
    """Of the output in pixels; unless given, the model's own."""
    width: int | None = None
    """Of the output in pixels; unless given, the model's own."""
    true_guidance: float | None = None
    """Scale of classifier-free guidance of models whose guidance is distilled (Flux); off at 1 and below,
    and twice the time above."""
    slicing: bool = False
    """Decode pictures one by one: less memory, the same pictures."""


REFERENCE_RECORDED = frozenset(
    "prompt negative_prompt weight base adapter image_encoder prior text_share height width true_guidance".split()
)
"""Those that a picture's record holds as settings; references and canvas masks are in it as they were read."""
_NOT_FOR_REFERENCES = ("embeds_in", "embeds_out", "sweep", "levels_curve")


def given_references(settings: Any) -> list[str]:
    """The names of these settings that are given."""
    return [field.name for field in fields(ReferenceSettings) if getattr(settings, field.name) != field.default]


def check_no_references(settings: Any) -> None:
    """Refuse what a model would leave out that takes an embedding alone.

    Raises:
        ConfigError: Names the settings.
    """
    given = given_references(settings)
    if given:
        raise ConfigError(
            f"{_listed(given)}: the model {settings.model} takes none; those that do are listed by `gencontrol models`."
        )


def check_reference_run(settings: Any) -> None:
    """Refuse what a run with references has no use for.

    Raises:
        ConfigError: Names the settings.
    """
    given = [name for name in _NOT_FOR_REFERENCES if getattr(settings, name, None) is not None]
    if given:
        ways = {"sweep": "is run once for each value", "levels_curve": "looks at one map of levels, as it is"}
        way = ways.get(given[0], "starts from pictures") if len(given) == 1 else "starts from pictures"
        raise ConfigError(f"{_listed(given)}: a model that takes references, as {settings.model}, {way}.")


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)
