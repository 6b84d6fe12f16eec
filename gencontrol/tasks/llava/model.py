"""A LLaVA that looks at a part: the stock model, its tokenizer, and what brings pictures and maps to it."""

from dataclasses import dataclass
from pathlib import Path

import torch
from transformers import LlavaForConditionalGeneration, PreTrainedTokenizerBase

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.errors import CheckpointError
from gencontrol.files import atomic_folder
from gencontrol.tasks.llava.processor import stock_processor
from gencontrol.tasks.llava.tower import check_llava, has_alpha, looks_by

PROMPT = "region_prompt"
"""Where a model's configuration says how a question is put, as a text with <image> and {}; else it is `PROMPT_FORM`."""
CAPTION = "region_caption_prompt"
"""Where a model's configuration says what is asked for a caption; else it is `CAPTION_QUESTION`."""
PROMPT_FORM = "USER: <image>\n{} ASSISTANT:"
"""How LLaVA-1.5 is asked, as llava-hf's chat template has it."""
CAPTION_QUESTION = "Provide a one-sentence caption for the provided image."
"""What LLaVA-1.5 was asked in training where a caption was the answer."""

_OURS = ("*.json", "model*.safetensors", "*.jinja", "tokenizer.model")
"""What a saved model's folder holds."""


@dataclass(frozen=True, kw_only=True)
class RegionLlava:
    """A LLaVA-1.5 whose tower has four channels."""

    model: LlavaForConditionalGeneration
    """The stock model."""
    tokenizer: PreTrainedTokenizerBase
    """Its tokenizer, which knows `<image>` as one token."""
    processor: AlphaCLIPProcessor
    """What brings pictures and maps to the tower's size."""
    device: torch.device = torch.device("cpu")  # noqa: RUF009  frozen too
    """Where it computes, which offloaded weights do not say."""

    def __post_init__(self) -> None:
        check_llava(self.model.config, source="The model")
        if looks_by(self.model.config).num_channels != 4:
            raise CheckpointError("The LLaVA's tower has 3 channels: widen_llava gives it the fourth.")

    @property
    def has_alpha(self) -> bool:
        """Whether a region's map plays a part (see `gencontrol.tasks.llava.tower.has_alpha`)."""
        return has_alpha(self.model)

    @property
    def prompt(self) -> str:
        """How a question is put to it."""
        return str(getattr(self.model.config, PROMPT, PROMPT_FORM))

    @property
    def caption_question(self) -> str:
        """What is asked for a caption."""
        return str(getattr(self.model.config, CAPTION, CAPTION_QUESTION))

    def save_pretrained(self, folder: str | Path) -> None:
        """Write a folder that stock transformers opens, and `open_llava` with the geometry.

        Raises:
            InputError: A folder of something else, or a path that is none.
            OutputError: A full disk.
        """
        with atomic_folder(Path(folder), ours=_OURS) as temporary:
            self.model.save_pretrained(temporary)
            stock_processor(self.processor, self.tokenizer, self.model.config).save_pretrained(temporary)
