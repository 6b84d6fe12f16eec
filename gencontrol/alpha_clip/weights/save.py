"""Writing an encoder as a folder that stock transformers opens."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from torch import Tensor
from transformers import CLIPTextModelWithProjection, CLIPVisionModelWithProjection, PreTrainedTokenizerBase

from gencontrol import files
from gencontrol.alpha_clip.alpha_slice import is_split, merged
from gencontrol.alpha_clip.one_pass.change import OnePass
from gencontrol.alpha_clip.one_pass.files import save_one_pass
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.alpha_clip.towers import put_together
from gencontrol.errors import InputError
from gencontrol.finite import check_finite_weights
from gencontrol.models.fingerprint import ONE_PASS

SAVED = ("*.json", "*.safetensors", "merges.txt", "vocab.txt", "README.md", f"{ONE_PASS}/")
"""What a save consists of; a folder with anything else in it is not overwritten."""


def save_parts(
    folder: Path,
    *,
    vision: CLIPVisionModelWithProjection,
    processor: AlphaCLIPProcessor,
    text: CLIPTextModelWithProjection | None,
    logit_scale: Tensor | None,
    tokenizer: PreTrainedTokenizerBase | None,
    one_pass: OnePass | None = None,
) -> None:
    """See `AlphaCLIP.save_pretrained`; a tower that is split for training is saved merged."""
    assert text is None or logit_scale is not None
    save_towers(
        folder,
        vision,
        text,
        lambda tower: tower if text is None or logit_scale is None else put_together(tower, text, logit_scale),
        processor=processor,
        tokenizer=tokenizer,
        one_pass=one_pass,
    )


def save_towers(
    folder: Path,
    vision: Any,
    text: Any,
    together: Callable[[Any], Any],
    *,
    processor: AlphaCLIPProcessor,
    tokenizer: PreTrainedTokenizerBase | None,
    one_pass: OnePass | None = None,
) -> None:
    """Write towers of any family as one stock model: whole or not at all, in the place of an earlier save.

    Args:
        folder: New, or of an earlier save.
        vision: The vision tower; one that is split for training is saved merged.
        text: The text tower, if there is one.
        together: From the merged vision tower to the stock model of both.
        processor: Saved beside it, as are the next two.
        tokenizer: See `processor`.
        one_pass: See `processor`.

    Raises:
        InputError: The folder holds files that no save wrote.
        CheckpointError: NaN or infinite weights.
    """
    check_replaceable(folder)
    vision = merged(vision) if is_split(vision) else vision
    check_finite_weights(vision, source="The vision tower")
    if text is not None:
        check_finite_weights(text, source="The text tower")
    with files.atomic_folder(folder, ours=SAVED) as temporary:
        together(vision).save_pretrained(temporary)
        processor.save_pretrained(temporary)
        if tokenizer is not None:
            tokenizer.save_pretrained(temporary)
        if one_pass is not None:
            save_one_pass(one_pass, temporary)


def named(path: str | Path) -> Path:
    """Where to write; "" would be the folder around, and comes of a variable that is not set.

    Raises:
        InputError: An empty name.
    """
    if not str(path).strip():
        raise InputError("Expected a name to write to, got an empty one: . is the folder around.")
    return Path(path)


def check_replaceable(folder: Path) -> None:
    """Refuse to overwrite what is not an earlier save.

    Raises:
        InputError: A file in the way, or a folder with other things in it.
    """
    files.check_replaceable(folder, SAVED)
    if folder.is_dir() and any(folder.iterdir()) and not (folder / "config.json").is_file():
        raise InputError(f"{folder} holds files and no earlier save (no config.json): name a new folder.")
