"""The strategies by name."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from gencontrol.configuration import from_mapping, nearest, shown
from gencontrol.errors import CheckpointError, ConfigError
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.attention import AttentionFocus
from gencontrol.focus.blank import BlankFocus
from gencontrol.focus.blur import BlurFocus
from gencontrol.focus.circle import CircleFocus
from gencontrol.focus.crop import CropFocus
from gencontrol.focus.looks import SumFocus
from gencontrol.focus.mask_inversion import MaskInversionFocus
from gencontrol.focus.masked_pooling import MaskedPoolingFocus
from gencontrol.focus.one_pass import OnePassFocus
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.focus.zoom import ZoomFocus
from gencontrol.kinds import checked

FOCUS: Mapping[str, type[FocusStrategy]] = MappingProxyType(
    {
        strategy.name: strategy
        for strategy in (
            AlphaFocus,
            ZoomFocus,
            AttentionFocus,
            CropFocus,
            BlankFocus,
            BlurFocus,
            CircleFocus,
            MaskedPoolingFocus,
            MaskInversionFocus,
            OnePassFocus,
        )
    }
)

PLUS = "+"
"""Between the names of looks that are added."""


def configured_focus(look: Any) -> FocusStrategy:
    """The strategy that an encoder's configuration names.

    Args:
        look: A mapping of `name` and that strategy's settings, or several such, whose looks are added, as
            `AlphaCLIP.default_focus` holds them.

    Raises:
        CheckpointError: It names no strategy, or settings that the strategy has not.
    """
    try:
        looks = tuple(_configured(one) for one in looks_named(look))
        return looks[0] if len(looks) == 1 else SumFocus(looks=looks)
    except ConfigError as error:
        raise CheckpointError(
            f"The encoder's config.json holds a default_focus that cannot be used: {error} Mend it, take it out, or "
            "choose a focus yourself."
        ) from None


def looks_named(look: Any) -> Sequence[Any]:
    """The looks of an encoder's configuration, be it one or several."""
    return look if isinstance(look, (list, tuple)) else (look,)


def _configured(look: Any) -> FocusStrategy:
    if not isinstance(look, Mapping) or not isinstance(look.get("name"), str):
        raise ConfigError(f"expected a mapping with the name of a focus, or a list of such, got {shown(look)}.")
    return focus_strategy(look["name"], **{key: value for key, value in look.items() if key != "name"})


@checked
def focus_strategy(name: str, /, **settings: Any) -> FocusStrategy:
    """Make a strategy from its name and settings.

    Args:
        name: A key of `FOCUS`; or several with + between them, whose looks are added (see `SumFocus`).
        settings: Fields of that strategy; what is not given keeps its default. A sum takes none: make its looks by
            themselves where they are to have some.

    Raises:
        ConfigError: An unknown name or setting (the message names the nearest), or an impossible value.
    """
    if PLUS in name:
        if settings:
            raise ConfigError(f"focus {name!r}: settings are of one look; give each look its own.")
        return SumFocus(looks=tuple(focus_strategy(part.strip()) for part in name.split(PLUS)))
    if not name:
        raise ConfigError(f"a focus without a name, such as on one side of a {PLUS}{nearest(name, FOCUS)}")
    if name not in FOCUS:
        raise ConfigError(f"unknown focus {name!r}{nearest(name, FOCUS)}")
    return from_mapping(FOCUS[name], settings, where=f"focus {name!r}")
