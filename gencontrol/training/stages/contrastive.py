"""The contrastive loss over image-text pairs, and the gathering that makes many processes one."""

import torch
import torch.distributed as dist
from jaxtyping import Bool, Float, Int
from torch import Tensor
from torch.distributed.nn.functional import all_gather
from torch.nn import functional


def gather(tensor: Float[Tensor, "b d"]) -> Float[Tensor, "n d"]:
    """Rows of all processes, in order of rank, with gradients back to each; the tensor itself on one process.

    Every process must go on to compute the same loss from the gathered rows. The backward pass sums the gradients that
    all processes have for a row, N equal ones, and DistributedDataParallel then averages over N: the result is the
    gradient of one process with the whole batch. (A plain `all_gather` without gradient loses the text-to-image half
    when the text tower is frozen.)
    """
    if not _distributed():
        return tensor
    return torch.cat(all_gather(tensor.contiguous()))


def gather_plain(tensor: Tensor) -> Tensor:
    """Rows of all processes without gradients, for labels."""
    if not _distributed():
        return tensor
    parts = [torch.empty_like(tensor) for _ in range(dist.get_world_size())]
    dist.all_gather(parts, tensor.contiguous())
    return torch.cat(parts)


def true_of(image_concepts: Int[Tensor, "b m"], text_concepts: Int[Tensor, "t k"]) -> Bool[Tensor, "b t"]:
    """Whether each text is true of each image: all that it names is there.

    Args:
        image_concepts: What each image shows (where its alpha looks), as ids padded with -1.
        text_concepts: What each text names, as ids padded with -1; a text that names nothing is true of nothing.
    """
    found = (image_concepts[:, None, None, :] == text_concepts[None, :, :, None]).any(-1)
    padding = text_concepts < 0
    return (found | padding[None]).all(-1) & ~padding.all(-1)[None]


def pair_losses(
    image: Float[Tensor, "b d"],
    text: Float[Tensor, "t d"],
    truth: Bool[Tensor, "b t"],
    *,
    scale: Float[Tensor, ""],
    smoothing: float = 0.0,
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """Cross-entropies of CLIP's contrastive loss, unreduced: of each image over the texts, and of each pair's text
    over the images.

    Text i is image i's own; further texts are extra negatives. A text that is true of an image, yet not its own, is
    no negative for it and is left out. Source: Radford et al., arXiv 2103.00020, figure 3; label smoothing as in
    Alpha-CLIP's released training code.

    Args:
        image: Unit-length embeddings.
        text: Unit-length embeddings, the images' own texts first.
        truth: Which text is true of which image.
        scale: Factor on the cosines (the exponential of the log temperature).
        smoothing: Share of the target that is spread over the negatives.
    """
    own = torch.eye(len(image), len(text), dtype=torch.bool, device=image.device)
    # Eight bits of mantissa are too few for cosines times a scale of a hundred.
    with torch.autocast(image.device.type, enabled=False):
        logits = (scale.float() * image.float() @ text.float().T).masked_fill(truth & ~own, float("-inf"))
    labels = torch.arange(len(image), device=image.device)
    return _cross_entropy(logits, labels, smoothing), _cross_entropy(logits[:, : len(image)].T, labels, smoothing)


def sigmoid_losses(
    image: Float[Tensor, "b d"],
    text: Float[Tensor, "t d"],
    truth: Bool[Tensor, "b t"],
    *,
    scale: Float[Tensor, ""],
    bias: Float[Tensor, ""],
) -> tuple[Float[Tensor, " b"], Float[Tensor, " b"]]:
    """SigLIP's loss, unreduced: of each image over the texts, and of each pair's text over the images.

    Every image and text is a question of its own, whether they belong together; a text that is true of an image does,
    whosever it is. With the images' own texts alone, the means of the two are equal. Source: Zhai et al., arXiv
    2303.15343, section 3.2.

    Args:
        image: Unit-length embeddings.
        text: Unit-length embeddings, the images' own texts first.
        truth: Which text is true of which image.
        scale: Factor on the cosines (the exponential of the log temperature).
        bias: Added to them then.
    """
    own = torch.eye(len(image), len(text), dtype=torch.bool, device=image.device)
    with torch.autocast(image.device.type, enabled=False):
        logits = scale.float() * image.float() @ text.float().T + bias.float()
    each = functional.softplus(torch.where(truth | own, -logits, logits))
    return each.sum(1), each[:, : len(image)].sum(0)


def _cross_entropy(logits: Tensor, labels: Tensor, smoothing: float) -> Float[Tensor, " b"]:
    # functional.cross_entropy would spread the smoothed share over the left-out entries too, at infinite cost.
    log_probability = functional.log_softmax(logits, dim=-1)
    own = log_probability.gather(1, labels[:, None])[:, 0]
    if smoothing == 0:
        return -own
    kept = torch.isfinite(logits)
    spread = log_probability.masked_fill(~kept, 0).sum(-1) / kept.sum(-1)
    return -((1 - smoothing) * own + smoothing * spread)


def _distributed() -> bool:
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1
