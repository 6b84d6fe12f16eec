"""A larger model from a trained one: further blocks that change nothing until they are trained, and further words."""

import copy
from typing import Any, cast

import torch
from torch import Tensor, nn
from transformers import CLIPModel, PreTrainedTokenizerFast

from gencontrol.errors import ConfigError

_BLOCKS = "vision_model.encoder.layers."
_WORDS = "text_model.embeddings.token_embedding.weight"
_BRANCH_ENDS = ("self_attn.out_proj.", "mlp.fc2.")


def deepened(clip: CLIPModel, layers: int) -> CLIPModel:
    """The same model with more blocks in its vision tower, spread evenly; it encodes as it did.

    Each further block is a copy of the one before it whose two branches end in zeros, so that it passes on what comes
    in (as in Net2Net, Chen et al., arXiv 1511.05641).

    Args:
        clip: The trained model; it is not changed.
        layers: Blocks of the new vision tower, at least as many as the old one has.

    Raises:
        ConfigError: Fewer blocks than the model has.
    """
    config: Any = copy.deepcopy(clip.config)
    had = config.vision_config.num_hidden_layers
    if layers < had:
        raise ConfigError(
            f"towers.vision_layers: the model that the run starts from has {had} blocks, which is more than {layers}; "
            f"use {had} or more."
        )
    config.vision_config.num_hidden_layers = layers
    weights = clip.state_dict()
    kept = {name: weight for name, weight in weights.items() if not name.startswith(_BLOCKS)}
    for place, (index, new) in enumerate(_order(had, layers)):
        kept |= _block(weights, index=index, place=place, silent=new)
    deeper = CLIPModel(config)
    deeper.load_state_dict(kept)
    return deeper


def with_words(clip: CLIPModel, had: PreTrainedTokenizerFast, wanted: PreTrainedTokenizerFast) -> CLIPModel:
    """The same model with a vocabulary that holds further words; their vectors are drawn as those of a new model.

    Args:
        clip: The trained model; it is not changed.
        had: Its tokenizer.
        wanted: The new tokenizer, which knows every word of the old one. Uses torch's global generator.

    Raises:
        ConfigError: A word of the old tokenizer is missing.
    """
    old, new = had.get_vocab(), wanted.get_vocab()
    missing = sorted(set(old) - set(new))
    if missing:
        raise ConfigError(
            f"start: the model knows {len(missing)} words that the concepts have not ({', '.join(missing[:3])}, ...); "
            "it was trained on another list of concepts."
        )
    config: Any = copy.deepcopy(clip.config)
    config.text_config.vocab_size = len(wanted)
    grown = CLIPModel(config)
    weights = clip.state_dict()
    vectors = cast(nn.Embedding, grown.text_model.get_input_embeddings()).weight.detach().clone()
    vectors[[new[word] for word in old]] = weights[_WORDS][list(old.values())]
    grown.load_state_dict({**weights, _WORDS: vectors})
    return grown


def _order(had: int, layers: int) -> list[tuple[int, bool]]:
    """For each block of the deeper tower the one that it is taken from, and whether an earlier one was that already."""
    taken = [place * had // layers for place in range(layers)]
    return [(index, place > 0 and taken[place - 1] == index) for place, index in enumerate(taken)]


def _block(weights: dict[str, Tensor], *, index: int, place: int, silent: bool) -> dict[str, Tensor]:
    """The weights of block `index` under the names of block `place`, its branches' ends at zero if it is silent."""
    old = f"{_BLOCKS}{index}."
    named = {name.removeprefix(old): weight for name, weight in weights.items() if name.startswith(old)}
    return {
        f"{_BLOCKS}{place}.{name}": torch.zeros_like(weight) if silent and name.startswith(_BRANCH_ENDS) else weight
        for name, weight in named.items()
    }
