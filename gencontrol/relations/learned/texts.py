"""The texts that regions are compared with, as an encoder reads them."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.kinds import checked
from gencontrol.relations.learned.inputs import PROBES
from gencontrol.relations.naming import readable, with_article
from gencontrol.relations.vocabulary import OTHER_THINGS

LEAST_NAMES = 4
"""With fewer names that an encoder knows, likeness has nothing to go by."""


@dataclass(frozen=True, kw_only=True)
class Texts:
    """Text embeddings."""

    names: Float[Tensor, "m d"]
    """Of many different things, see `likeness.same_kind`."""
    probes: Float[Tensor, "n d"]
    """Of `PROBES`; a row of NaN for what the encoder cannot read."""


@torch.no_grad()
@checked
def relation_texts(encoder: AlphaCLIP) -> Texts | None:
    """What `relation_inputs` compares regions with; None for an encoder that reads none or hardly any of the names."""
    if encoder.text is None or encoder.tokenizer is None:
        return None
    names, known = readable(encoder, OTHER_THINGS), readable(encoder, PROBES)
    if min(len(names), len(known)) < LEAST_NAMES:
        return None
    told = encoder.encode_text([with_article(name) for name in (*names, *known)]).float().cpu()
    probes = torch.full((len(PROBES), told.shape[1]), torch.nan)
    probes[[PROBES.index(name) for name in known]] = told[len(names) :]
    return Texts(names=told[: len(names)], probes=probes)
