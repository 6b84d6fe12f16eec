"""Further styles made from a set's own SVG: its gradients flattened, outlined, as line drawings, as silhouettes."""

import re
from collections.abc import Callable, Mapping
from typing import Any

_SHAPES = "path,circle,ellipse,rect,polygon,polyline,line"
_GRADIENT = re.compile(r"<(linear|radial)Gradient\b[^>]*?\bid=\"([^\"]+)\".*?</\1Gradient>", re.DOTALL)
_STOP = re.compile(r"stop-color=\"([^\"]+)\"|stop-color:([^;\"]+)")


def _styled(icon: Mapping[str, Any], rules: str) -> dict[str, Any]:
    """The icon under a style sheet, whose rules win over the drawing's own attributes."""
    return {**icon, "body": f"<style>{_SHAPES}{{{rules}}}</style>{icon['body']}"}


def _line(icon: Mapping[str, Any], share: float) -> str:
    return f"stroke-width:{max(icon['width'], icon['height']) * share:.3f};stroke-linejoin:round;stroke-linecap:round"


def flattened(icon: Mapping[str, Any]) -> dict[str, Any]:
    """Every gradient as its middle stop's colour."""
    body = icon["body"]
    for match in _GRADIENT.finditer(icon["body"]):
        stops = [first or second for first, second in _STOP.findall(match[0])]
        if stops:
            body = body.replace(f"url(#{match[2]})", stops[len(stops) // 2].strip())
    return {**icon, "body": body}


def outlined(icon: Mapping[str, Any]) -> dict[str, Any]:
    """Dark lines around every shape, colours kept."""
    return _styled(flattened(icon), f"stroke:#222;{_line(icon, 0.022)}")


def drawn_in_lines(icon: Mapping[str, Any]) -> dict[str, Any]:
    """White shapes with black outlines."""
    return _styled(icon, f"fill:#fff;stroke:#111;{_line(icon, 0.026)}")


def wire(icon: Mapping[str, Any]) -> dict[str, Any]:
    """Outlines alone, nothing filled."""
    return _styled(icon, f"fill:none;stroke:#333;{_line(icon, 0.034)}")


COPIES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any]]] = {
    "flat": flattened,
    "outlined": outlined,
    "lines": drawn_in_lines,
    "wire": wire,
}
"""Name after the colon of a style, as in `noto:outlined` -> what is done to each of the set's icons."""
