"""Focus strategies: how an encoder is made to look."""

from typing import TYPE_CHECKING

from gencontrol.lazy import lazy_exports

if TYPE_CHECKING:
    from gencontrol.focus.alpha import AlphaFocus as AlphaFocus
    from gencontrol.focus.attention import AttentionFocus as AttentionFocus
    from gencontrol.focus.blank import BlankFocus as BlankFocus
    from gencontrol.focus.blur import BlurFocus as BlurFocus
    from gencontrol.focus.circle import CircleFocus as CircleFocus
    from gencontrol.focus.crop import CropFocus as CropFocus
    from gencontrol.focus.looks import SumFocus as SumFocus
    from gencontrol.focus.mask_inversion import MaskInversionFocus as MaskInversionFocus
    from gencontrol.focus.masked_pooling import MaskedPoolingFocus as MaskedPoolingFocus
    from gencontrol.focus.one_pass import OnePassFocus as OnePassFocus
    from gencontrol.focus.registry import FOCUS as FOCUS
    from gencontrol.focus.registry import configured_focus as configured_focus
    from gencontrol.focus.registry import focus_strategy as focus_strategy
    from gencontrol.focus.strategy import FocusStrategy as FocusStrategy
    from gencontrol.focus.zoom import ZoomFocus as ZoomFocus
else:
    __getattr__, __dir__, __all__ = lazy_exports(
        __name__,
        {
            "AlphaFocus": "gencontrol.focus.alpha",
            "AttentionFocus": "gencontrol.focus.attention",
            "BlankFocus": "gencontrol.focus.blank",
            "BlurFocus": "gencontrol.focus.blur",
            "CircleFocus": "gencontrol.focus.circle",
            "CropFocus": "gencontrol.focus.crop",
            "FOCUS": "gencontrol.focus.registry",
            "FocusStrategy": "gencontrol.focus.strategy",
            "MaskInversionFocus": "gencontrol.focus.mask_inversion",
            "MaskedPoolingFocus": "gencontrol.focus.masked_pooling",
            "OnePassFocus": "gencontrol.focus.one_pass",
            "SumFocus": "gencontrol.focus.looks",
            "ZoomFocus": "gencontrol.focus.zoom",
            "configured_focus": "gencontrol.focus.registry",
            "focus_strategy": "gencontrol.focus.registry",
        },
    )
