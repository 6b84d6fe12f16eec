"""What a focus strategy is: a way to make an encoder look at a part of an image."""

from typing import ClassVar, Protocol, runtime_checkable

from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.model import AlphaCLIP
from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.images.picture import Colours, Picture


@runtime_checkable
class FocusStrategy(Protocol):
    """Embeds images so that the part under the alpha map counts most.

    Any encoder will do: a plain CLIP is an AlphaCLIP whose alpha weights are zero. Strategies give the plain
    answer when the map is 1 everywhere (`alpha` exactly so only while its weights are zero), all but `circle`, which
    draws on the picture, and `masked-pooling` and `mask-inversion`, which read the patches.

    A strategy with `takes_bytes = True` is given the colours of a picture as they are stored, which may be bytes, 0 to
    255 (see `gencontrol.images.Picture`), so that a large photograph is never there as floats; the others get floats.
    """

    name: ClassVar[str]
    """Under which `gencontrol.focus.registry` knows it."""

    def embed(
        self, encoder: AlphaCLIP, rgb: Float[Tensor, "b 3 h w"], alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b d"]:
        """Embed a batch of images of one size.

        Args:
            encoder: Its processor's geometry is used, for image and map alike.
            rgb: sRGB colour, straight; [0, 1]; on the device where the encoder runs.
            alpha: 1 = look here, 0 = context; [0, 1]; not normalised; of the images' own size.

        Returns:
            Projected embeddings, not normalised.

        Raises:
            InputError: A map that is 0 everywhere, in strategies that need a place to look at.
        """
        ...

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Float[Tensor, "b 3 h w"], alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """What the encoder is given: colour and alpha at its size, normalised.

        Args:
            processor: The encoder's.
            rgb: See `embed`.
            alpha: See `embed`.

        Raises:
            InputError: See `embed`.
        """
        ...


class ByView:
    """Base of the strategies that act through what the encoder is given, and through nothing else."""

    def embed(
        self: FocusStrategy, encoder: AlphaCLIP, rgb: Colours, alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b d"]:
        """See `FocusStrategy.embed`. Differentiable in what `view` is differentiable in."""
        return encoder.encode_pixels(self.view(encoder.processor, rgb, alpha).to(encoder.dtype))


def colours_for(strategy: FocusStrategy, picture: Picture) -> Colours:
    """A picture's colours as a batch of one, as the strategy takes them: stored, or as floats."""
    return (picture.stored_rgb if getattr(strategy, "takes_bytes", False) else picture.rgb)[None]
