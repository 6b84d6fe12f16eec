"""Whether two regions show one kind of thing, or have one colour: by an encoder's embeddings. Both are weak."""

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional

from gencontrol.kinds import checked

ALIKE, ALIKE_SOFT = 0.45, 0.1
"""The cosine of two regions' profiles of names above which they are of one kind; a profile is centred, so that 0 is
what nothing has to do with each other, in any encoder."""


@checked
def same_kind(regions: Float[Tensor, "k d"], names: Float[Tensor, "n d"]) -> Float[Tensor, "k k"]:
    """Probability that two regions show one kind of thing: that they are near to the same names, and far from the same.

    Embeddings of one picture's parts lie close together, in some encoders above a cosine of 0.97 whatever they show,
    so their own cosine has no bound that holds for all encoders.

    Args:
        regions: Embeddings, any norm.
        names: Of the names of many different things, any norm.

    Returns:
        [0, 1], symmetric; 0 for a region and itself.
    """
    cosines = functional.normalize(regions.float(), dim=-1) @ functional.normalize(names.float(), dim=-1).T
    profiles = functional.normalize(cosines - cosines.mean(dim=-1, keepdim=True), dim=-1)
    found = torch.sigmoid((profiles @ profiles.T - ALIKE) / ALIKE_SOFT)
    return found * (1 - torch.eye(len(found)).to(found))


@checked
def same_colour(
    regions: Float[Tensor, "k d"], colours: Float[Tensor, "c d"], *, scale: float = 100.0
) -> Float[Tensor, "k k"]:
    """Probability that two regions have one colour, each read by itself as one of the colours' names.

    Args:
        regions: Embeddings, any norm.
        colours: Of the colours' names, any norm.
        scale: The encoder's inverse temperature.

    Returns:
        [0, 1], symmetric; 0 for a region and itself. Regions whose colours are not read clearly have small ones.
    """
    exact = torch.promote_types(regions.dtype, torch.float32)
    cosines = functional.normalize(regions.to(exact), dim=-1) @ functional.normalize(colours.to(exact), dim=-1).T
    shares = (scale * cosines).softmax(dim=-1)
    return (shares @ shares.T) * (1 - torch.eye(len(shares)).to(shares))
