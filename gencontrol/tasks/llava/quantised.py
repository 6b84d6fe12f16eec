"""A LLaVA whose language model's matrices are kept in four bits, by bitsandbytes."""

import importlib.util
from typing import Any

import torch

from gencontrol.errors import MissingDependencyError

KEPT = ("model.vision_tower", "model.multi_modal_projector", "lm_head")
"""What keeps its precision: the tower, which may be swapped or widened and whose features are a small part of the
memory, what brings its patches to the language model, and the choice of words."""


def four_bit(dtype: torch.dtype | None, device: torch.device) -> dict[str, Any]:
    """What `from_pretrained` is told, so that the language model's matrices come in four bits (NF4, QLoRA's: Dettmers
    et al., arXiv 2305.14314).

    Args:
        dtype: Products are computed in it; None is float32.
        device: Where the weights are put; they are quantised there.

    Raises:
        MissingDependencyError: bitsandbytes is not installed.
    """
    if importlib.util.find_spec("bitsandbytes") is None:
        raise MissingDependencyError(
            "Weights of four bits are bitsandbytes': run `pip install 'gencontrol[quantize]'`, or leave `quantize` out."
        )
    from transformers import BitsAndBytesConfig

    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=dtype or torch.float32,
        llm_int8_skip_modules=list(KEPT),
    )
    return {"quantization_config": config, "device_map": {"": device}}
