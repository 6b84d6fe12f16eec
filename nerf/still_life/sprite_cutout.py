"""A sprite of the sprite world as a picture that `world.extrude` cuts out."""

from jaxtyping import Float
from torch import Tensor

from gencontrol.configuration import nearest
from gencontrol.errors import InputError
from gencontrol.sprites.store import SpriteStore


def sprite_picture(
    store: SpriteStore, name: str, *, style: str
) -> tuple[str, Float[Tensor, "3 h w"], Float[Tensor, "h w"]]:
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
