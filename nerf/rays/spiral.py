"""Where nerfstudio's spiral starts, so that its film stands upright."""

import torch
from jaxtyping import Float
from torch import Tensor


def upright_spiral(pose: Float[Tensor, "*b 3 4"]) -> Float[Tensor, "*b 3 4"]:
    """A camera rolled about its own axis so that the spiral that nerfstudio 1.1.5 begins there has the world's up.

    `get_spiral_path` takes the camera's backward axis, which is in world coordinates, for the film's up in the camera's
    own frame. Unrolled, most films lie on their side or hang upside down.

    Args:
        pose: Camera to world, x right, y up, looking along -z; world z up. One that looks straight up or down has no
            upright film, and stays as it is.
    """
    right, up, backward = pose[..., :3].unbind(-1)
    # In the picture's plane: where the world's up is, and what would be taken for it.
    wanted = torch.atan2(up[..., 2], right[..., 2])
    taken = torch.atan2(backward[..., 1], backward[..., 0])
    cos, sin = (wanted - taken).cos()[..., None], (wanted - taken).sin()[..., None]
    rolled = torch.stack([cos * right + sin * up, cos * up - sin * right, backward, pose[..., 3]], dim=-1)
    level = backward[..., :2].norm(dim=-1) > 1e-4
    return torch.where(level[..., None, None], rolled, pose)
