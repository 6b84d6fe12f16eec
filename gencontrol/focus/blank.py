"""Focus by painting over what is outside."""

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from gencontrol.alpha_clip.preprocess import AlphaCLIPProcessor
from gencontrol.focus.fills import check_fill, fill_colour
from gencontrol.focus.pixels import whole
from gencontrol.focus.strategy import ByView
from gencontrol.kinds import check_fields


@dataclass(frozen=True, kw_only=True)
class BlankFocus(ByView):
    """Outside the part, the picture becomes one colour. The context is lost; a plain baseline."""

    name: ClassVar[str] = "blank"
    colour: str = "mean"
    """"#rrggbb", a colour's name, or "mean": the mean of CLIP's pictures, which is 0 after normalisation."""

    def __post_init__(self) -> None:
        check_fields(self)
        check_fill(self.colour)

    def view(
        self, processor: AlphaCLIPProcessor, rgb: Float[Tensor, "b 3 h w"], alpha: Float[Tensor, "b h w"]
    ) -> Float[Tensor, "b 4 s s"]:
        """See `FocusStrategy.view`. Differentiable in both."""
        return whole(processor, blend(rgb, fill_colour(self.colour, processor, rgb), alpha))


def blend(
    inside: Float[Tensor, "*b 3 h w"], outside: Float[Tensor, "..."], alpha: Float[Tensor, "*b h w"]
) -> Float[Tensor, "*b 3 h w"]:
    """`inside` where alpha is 1, to the bit, `outside` where it is 0, and the mean weighted by alpha between."""
    share = alpha.unsqueeze(-3)
    return inside * share + outside * (1 - share)
