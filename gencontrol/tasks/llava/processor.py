"""From a picture and its alpha map to what a LLaVA's tower takes."""

from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor
from transformers import LlavaConfig, LlavaProcessor, PreTrainedTokenizerBase

from gencontrol.alpha_clip.architectures import square
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.images.picture import Colours
from gencontrol.regions.geometry import fit_planes, of_alpha
from gencontrol.tasks.llava.tower import looks_by


@dataclass(frozen=True, kw_only=True)
class LlavaPixels(AlphaCLIPProcessor):
    """As `AlphaCLIPProcessor`; but padding has the mean colour, with which LLaVA-1.5 was trained, and alpha 0."""

    def __call__(self, rgb: Colours, alpha: Float[Tensor, "b h w"]) -> Float[Tensor, "b 4 s s"]:
        """See `AlphaCLIPProcessor`. The map stays soft: the published demo makes it hard at a grey of 0.986.

        Args:
            rgb: See `AlphaCLIPProcessor`.
            alpha: See `AlphaCLIPProcessor`.
        """
        colours = [
            fit_planes(rgb[:, channel : channel + 1], self.geometry, fill=self.image_mean[channel])
            for channel in range(3)
        ]
        return self.normalize(torch.cat([*colours, fit_planes(alpha[:, None], of_alpha(self.geometry))], dim=1))


def stock_processor(
    pixels: AlphaCLIPProcessor, tokenizer: PreTrainedTokenizerBase, config: LlavaConfig
) -> LlavaProcessor:
    """transformers' own, to be saved beside the model.

    It cannot be used on four channels: it fails on them while it counts tokens. Text and pixels by themselves, its
    `tokenizer` and its `image_processor`, can.
    """
    return LlavaProcessor(
        image_processor=pixels.to_stock(),
        tokenizer=tokenizer,
        patch_size=square(looks_by(config))[1],
        vision_feature_select_strategy=config.vision_feature_select_strategy,
        num_additional_image_tokens=1,
    )
