"""What a user should be told before the encoder looks: context that is gone, regions that it will not see."""

import warnings

from jaxtyping import Float
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture
from gencontrol.kinds import checked
from gencontrol.regions.geometry import Geometry, fit_planes
from gencontrol.regions.region import RegionWarning

# A cut-out's transparent part counts as colourless if at least this share of it is exactly black, or exactly white.
_COLOURLESS = 0.99
# The share of a region that the encoder must see, to be used at all and to be used without a word.
_SEEN_LEAST, _SEEN_WELL = 0.01, 0.9
# A part of fewer pixels across shows next to nothing when it is enlarged.
_ENLARGED_LEAST = 16
# Grey within these bounds is a level rather than an edge or noise; a map of which less than the share is lighter has
# none of the white that softened edges leave in the middle.
_GREY, _WHITE_LEAST = (0.1, 0.9), 0.1
# A region that nowhere covers this share of one of the encoder's pixels is too small to be looked at.
_SEEN_PEAK = 0.25


@checked
def lost_context(picture: Picture) -> str | None:
    """Say so if a picture is a cut-out whose transparent part holds no colour: nothing is left to keep as context.

    Alpha-CLIP looks at the region *and* sees what is around it. Programs that cut out often write black or white under
    transparent pixels, and then there is nothing around it.

    Returns:
        A sentence for the user, or None if all is well.
    """
    if picture.stored_alpha is None:
        return None
    hidden = picture.stored_rgb[:, picture.stored_alpha == 0]
    if not hidden.shape[1]:
        return None
    for name, level in (("black", 0), ("white", 1 if hidden.dtype.is_floating_point else 255)):
        if (hidden == level).all(dim=0).float().mean() >= _COLOURLESS:
            return (
                f"The transparent part of the picture is plain {name}: its colours were lost when it was cut out, so "
                "there is no context to keep. Give the original picture with this alpha as mask instead."
            )
    return None


def warn_lost_context(picture: Picture) -> None:
    """Warn with what `lost_context` says, if anything."""
    message = lost_context(picture)
    if message is not None:
        warnings.warn(message, RegionWarning, stacklevel=3)


@checked
def seen_share(alpha: Float[Tensor, "h w"], geometry: Geometry) -> float:
    """How much of a region lies in the encoder's view, 0 to 1: less than 1 only where a crop cuts some of it off."""
    if geometry.fit not in ("crop", "published"):
        return 1.0
    short = min(alpha.shape)
    seen = fit_planes(alpha[None], geometry).sum().item() * (short / geometry.size) ** 2
    return min(1.0, seen / max(alpha.sum().item(), 1e-12))


@checked
def check_seen(alpha: Float[Tensor, "h w"], geometry: Geometry) -> None:
    """Make sure that the encoder will see a region; warn with a `RegionWarning` if it sees little of it.

    Raises:
        InputError: The centre crop leaves (almost) nothing of the region.
    """
    share = seen_share(alpha, geometry)
    if share < _SEEN_LEAST:
        raise InputError(
            "The region lies outside the centre crop that the encoder sees; use the fit 'pad' or 'squash'."
        )
    if share < _SEEN_WELL:
        text = f"The encoder's centre crop cuts off {1 - share:.0%} of the region; 'pad' or 'squash' keep it whole."
        warnings.warn(text, RegionWarning, stacklevel=2)
    if fit_planes(alpha[None], geometry).amax() < _SEEN_PEAK * alpha.amax():
        view = f"{geometry.size} x {geometry.size}"
        text = f"The region is smaller than a pixel of the encoder's {view} view; the focus 'crop' would enlarge it."
        warnings.warn(text, RegionWarning, stacklevel=2)


def warn_small(alpha: Float[Tensor, "h w"]) -> None:
    """Warn of a part that is too small in its picture to show much when it is enlarged.

    Args:
        alpha: Of the picture's own size, above 0 somewhere.
    """
    rows, columns = (alpha >= 0.5 * alpha.amax()).nonzero().T
    long = int(max(rows.max() - rows.min(), columns.max() - columns.min())) + 1
    if long < _ENLARGED_LEAST:
        warnings.warn(
            f"The region is {long} pixel{'' if long == 1 else 's'} long in its picture: enlarged, it shows little. "
            "Give a larger picture, or look from further away.",
            RegionWarning,
            stacklevel=3,
        )


def warn_of_grey(alphas: Float[Tensor, "k h w"]) -> None:
    """Warn of maps that are mostly grey: an encoder that was not trained on levels takes grey for all or for nothing.

    Args:
        alphas: Each above 0 somewhere.
    """
    marked, white = (alphas > _GREY[0]).sum((1, 2)), (alphas >= _GREY[1]).sum((1, 2))
    if bool((white < _WHITE_LEAST * marked).any()):
        warnings.warn(
            "The mask is mostly grey, and this encoder was not trained on grey: it takes a level as a switch, not as a "
            "dial. Make the mask white, or give each region a level of its own.",
            RegionWarning,
            stacklevel=3,
        )
