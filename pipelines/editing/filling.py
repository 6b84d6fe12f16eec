"""Filling a hole from what is around it, without a model: the smoothest picture that meets its border."""

from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import sparse
from scipy.sparse.linalg import spsolve
from torch import Tensor

from gencontrol.errors import InputError


def filled(rgb: Float[Tensor, "3 h w"], hole: Bool[Tensor, "h w"]) -> Float[Tensor, "3 h w"]:
    """The picture with each pixel of the hole the mean of its neighbours: a harmonic filling (Laplace's equation).

    Grounds that are plain or change slowly go on; textures do not.

    Args:
        rgb: [0, 1].
        hole: What to fill.

    Raises:
        InputError: Nothing is left outside of the hole.
    """
    inside = hole.cpu().numpy()
    if inside.all():
        raise InputError("The hole leaves nothing of its surroundings to fill it from.")
    if not inside.any():
        return rgb
    values = rgb.detach().cpu().double().numpy()
    matrix, border = _laplace(inside, values)
    solved = np.stack([np.asarray(spsolve(matrix, channel)) for channel in border])
    result = values.copy()
    result[:, inside] = solved
    return torch.from_numpy(result).to(rgb).clamp(0, 1)


def _laplace(inside: np.ndarray, values: np.ndarray) -> tuple[Any, np.ndarray]:
    """The system of the pixels inside: neighbours that there are, less those inside, are the known ones outside."""
    number = np.full(inside.shape, -1)
    count = int(inside.sum())
    number[inside] = np.arange(count)
    rows, columns, degrees, known = [], [], np.zeros(count), np.zeros((len(values), count))
    for axis in (0, 1):
        for step in (1, -1):
            neighbour, colour = np.roll(number, step, axis), np.roll(values, step, axis + 1)
            exists = np.ones(inside.shape, dtype=bool)
            exists[(slice(None), 0 if step == 1 else -1) if axis else (0 if step == 1 else -1)] = False
            here = number[inside & exists]
            beside = neighbour[inside & exists]
            degrees[here] += 1
            rows.append(here[beside >= 0])
            columns.append(beside[beside >= 0])
            known[:, here[beside < 0]] += colour[:, inside & exists][:, beside < 0]
    links = (np.concatenate(rows), np.concatenate(columns))
    matrix: Any = sparse.diags(degrees) - sparse.coo_matrix((np.ones(len(links[0])), links), shape=(count, count))
    return matrix.tocsr(), known
