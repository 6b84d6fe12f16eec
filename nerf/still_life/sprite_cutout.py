"""Sprites of the sprite world as pictures that `world.extrude` cuts out."""

from collections.abc import Sequence
from pathlib import Path

from jaxtyping import Float
from torch import Tensor

from gencontrol.configuration import nearest
from gencontrol.errors import ConfigError, InputError
from gencontrol.sprites.store import SpriteStore, open_store

SpritePicture = tuple[str, Float[Tensor, "3 h w"], Float[Tensor, "h w"]]
"""Name, straight colour and alpha, [0, 1]."""
# As many as a still life has places for.
_MOST = 3


def sprite_pictures(names: Sequence[str], file: Path, *, style: str) -> list[SpritePicture]:
    """The pictures of some sprites; the store is opened only where there are any.

    Args:
        names: Up to three different ones.
        file: The store.
        style: One of its styles.

    Raises:
        ConfigError: More names, or one twice.
        InputError: The store, or a sprite of it, is not there.
    """
    if len(names) > _MOST or len(set(names)) < len(names):
        raise ConfigError(f"Name up to three different sprites; got {', '.join(names)}.")
    if not names:
        return []
    store = open_store(file)
    return [sprite_picture(store, name, style=style) for name in names]


def sprite_picture(store: SpriteStore, name: str, *, style: str) -> SpritePicture:
    """The name, straight colour and alpha in [0, 1], at the store's own size.

    Args:
        store: Where the sprite is.
        name: One of the concept's names.
        style: One of the store's styles.

    Raises:
        InputError: No such concept or style, or the style lacks it.
    """
    (column,) = store.style_indices([style])
    rows = {known: i for i, concept in enumerate(store.concepts) for known in concept.names}
    rows |= {concept.name: i for i, concept in enumerate(store.concepts)}  # A synonym may be another's first name.
    if name not in rows:
        raise InputError(f"The sprite store has no {name!r}{nearest(name, rows)}")
    if not store.present[rows[name], column]:
        raise InputError(f"The style {style} has no picture of {name!r}: choose another style.")
    planes = store.levels[0][rows[name], column].permute(2, 0, 1).float() / 255
    alpha = planes[3]
    return name, (planes[:3] / alpha.clamp(min=1 / 255)).clamp(0, 1), alpha
