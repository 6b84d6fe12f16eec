"""What a LLaVA says about regions: decoding, greedy or sampled, in batches or piece by piece."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import TextStreamer

from gencontrol.alpha_clip.architectures import square
from gencontrol.conditioning.embed import check_visible
from gencontrol.errors import InputError
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.pixels import whole
from gencontrol.focus.strategy import ByView, FocusStrategy, colours_for
from gencontrol.kinds import checked
from gencontrol.numbers import check_number, check_temperature
from gencontrol.regions.region import stack_alphas
from gencontrol.regions.scene import Scene
from gencontrol.tasks.llava.model import RegionLlava
from gencontrol.tasks.llava.prompts import pad_id, padded, prompt_ids
from gencontrol.tasks.llava.tower import looks_by

Tell = Callable[[str], None]
"""Is told an answer piece by piece."""


@dataclass(frozen=True, kw_only=True)
class Decoding:
    """How words are chosen."""

    max_tokens: int = 128
    """Tokens of an answer at most."""
    temperature: float = 0.0
    """0 takes the likeliest word each time; above, words are drawn, the flatter the higher."""
    top_p: float = 1.0
    """Draws among the likeliest words that together have this probability."""
    seed: int = 0
    """Of the draws: each answer is drawn as if it were the only one."""
    batch: int = 4
    """Answers that are made at once; changes speed and memory. Drawn and streamed ones come one after another."""

    def __post_init__(self) -> None:
        check_number(self.max_tokens, name="`max_tokens`", at_least=1)
        check_temperature(self.temperature, name="`temperature`")
        check_number(self.top_p, name="`top_p`", above=0, at_most=1)
        check_number(self.seed, name="`seed`", at_least=0, below=2**63)
        check_number(self.batch, name="`batch`", at_least=1)


@checked
def check_focus(focus: FocusStrategy | None) -> None:
    """Refuse a way to look that does not go by what the tower is given: LLaVA reads patches, and no embedding.

    Raises:
        InputError: Says which ways do.
    """
    if focus is not None and not isinstance(focus, ByView):
        raise InputError(
            f"`focus` {focus.name}: expected one that changes what the tower is given (alpha, zoom, crop, blank, blur, "
            "circle), since LLaVA reads the tower's patches."
        )


@torch.no_grad()
@checked
def region_pixels(llava: RegionLlava, scene: Scene, *, focus: FocusStrategy | None = None) -> Float[Tensor, "k 4 s s"]:
    """What the tower is given for each region of a picture; for the whole picture if it has none.

    Args:
        llava: Whose processor it is.
        scene: Weights, levels and negative regions play no part.
        focus: How the region is looked at; None is its alpha map as the fourth channel.

    Raises:
        InputError: A focus that does not go by pixels, or a region that a centre crop leaves out.
    """
    check_focus(focus)
    strategy = AlphaFocus() if focus is None else focus
    rgb = colours_for(strategy, scene.picture)
    if not scene.regions:
        return whole(llava.processor, rgb)
    alphas = stack_alphas(scene.regions).float()
    check_visible(alphas, strategy, llava.processor.geometry)
    return torch.cat([strategy.view(llava.processor, rgb, alpha[None]) for alpha in alphas])


def model_inputs(
    llava: RegionLlava, pixels: Float[Tensor, "k c h w"], questions: Sequence[str], *, room: int = 0
) -> dict[str, Tensor]:
    """What the stock model's `forward` and `generate` take, on its device and in its format.

    Args:
        llava: The model.
        pixels: Of `region_pixels`.
        questions: One for each row of pixels.
        room: See `prompt_ids`.

    Raises:
        InputError: Pixels of another shape, or a question that cannot be asked.
    """
    size, _ = square(looks_by(llava.model.config))
    if tuple(pixels.shape[1:]) != (4, size, size) or not len(pixels):
        raise InputError(f"pixels: expected (k, 4, {size}, {size}) with k of at least 1, got {tuple(pixels.shape)}.")
    ids, mask = padded([prompt_ids(llava, q, room=room) for q in questions], pad=pad_id(llava.tokenizer))
    return {
        "input_ids": ids.to(llava.device),
        "attention_mask": mask.to(llava.device),
        "pixel_values": pixels.to(llava.device, llava.model.dtype),
    }


@torch.no_grad()
@checked
def answers(
    llava: RegionLlava,
    pixels: Float[Tensor, "k c h w"],
    questions: Sequence[str],
    *,
    decoding: Decoding | None = None,
    tell: Tell | None = None,
) -> tuple[str, ...]:
    """What the model answers, without the blanks around it.

    Args:
        llava: The model.
        pixels: Of `region_pixels`; the rows may be of different pictures.
        questions: One for each row.
        decoding: How words are chosen; None is the likeliest each time.
        tell: Is told each answer piece by piece as it grows, one answer after another.

    Raises:
        InputError: Another number of questions, or what `model_inputs` refuses.
    """
    decoding = decoding or Decoding()
    if len(questions) != len(pixels):
        raise InputError(f"questions: expected one for each of {len(pixels)} pictures, got {len(questions)}.")
    alone = decoding.temperature > 0 or tell is not None
    size = 1 if alone else decoding.batch
    found: list[str] = []
    for start in range(0, len(pixels), size):
        part, asked = pixels[start : start + size], questions[start : start + size]
        found += _answered(llava, model_inputs(llava, part, asked, room=decoding.max_tokens), decoding, tell)
    return tuple(found)


def _answered(llava: RegionLlava, inputs: dict[str, Tensor], decoding: Decoding, tell: Tell | None) -> list[str]:
    how: dict[str, Any] = {"do_sample": False}
    if decoding.temperature > 0:
        how = {"do_sample": True, "temperature": decoding.temperature, "top_p": decoding.top_p, "top_k": 0}
    if tell is not None:
        how["streamer"] = _Told(llava.tokenizer, tell)
    # transformers draws from the one generator that all share: it is put back as it was.
    with torch.random.fork_rng(devices=[llava.device] if llava.device.type == "cuda" else []):
        torch.manual_seed(decoding.seed)
        model: Any = llava.model
        ids = model.generate(**inputs, max_new_tokens=decoding.max_tokens, pad_token_id=pad_id(llava.tokenizer), **how)
    said = ids[:, inputs["input_ids"].shape[1] :]
    return [text.strip() for text in llava.tokenizer.batch_decode(said, skip_special_tokens=True)]


class _Told(TextStreamer):
    """transformers' streamer, which prints, told to somebody instead."""

    def __init__(self, tokenizer: Any, tell: Tell):
        super().__init__(tokenizer, skip_prompt=True, skip_special_tokens=True)
        self._tell = tell

    def on_finalized_text(self, text: str, stream_end: bool = False) -> None:
        if text:
            self._tell(text)
