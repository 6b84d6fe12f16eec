"""The strategies by name."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from gencontrol.configuration import from_mapping, nearest
from gencontrol.errors import ConfigError
from gencontrol.focus.alpha import AlphaFocus
from gencontrol.focus.attention import AttentionFocus
from gencontrol.focus.blank import BlankFocus
from gencontrol.focus.blur import BlurFocus
from gencontrol.focus.circle import CircleFocus
from gencontrol.focus.crop import CropFocus
from gencontrol.focus.strategy import FocusStrategy
from gencontrol.focus.zoom import ZoomFocus

FOCUS: Mapping[str, type[FocusStrategy]] = MappingProxyType(
    {
        strategy.name: strategy
        for strategy in (AlphaFocus, ZoomFocus, AttentionFocus, CropFocus, BlankFocus, BlurFocus, CircleFocus)
    }
)


def focus_strategy(name: str, /, **settings: Any) -> FocusStrategy:
    """Make a strategy from its name and settings.

    Args:
        name: A key of `FOCUS`.
        settings: Fields of that strategy; what is not given keeps its default.

    Raises:
        ConfigError: An unknown name or setting (the message names the nearest), or an impossible value.
    """
    if name not in FOCUS:
        raise ConfigError(f"unknown focus {name!r}{nearest(name, FOCUS)}")
    return from_mapping(FOCUS[name], settings, where=f"focus {name!r}")
