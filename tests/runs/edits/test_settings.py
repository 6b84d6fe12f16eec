"""Settings of edits that exclude each other, or cannot be, are refused before any picture is read."""

from typing import Any

import pytest

from gencontrol.conditioning.sampling import MOST_STEPS
from gencontrol.errors import ConfigError
from gencontrol.pipelines.editing.window import SEAM
from gencontrol.runs.edits.settings import EditingSettings, check_edit


def made(**settings: Any) -> EditingSettings:
    return EditingSettings(**settings)


@pytest.mark.parametrize(
    "shown", [{"like": "a.png"}, {"like_mask": ("a.png",)}, {"like_box": ("1,2,3,4",)}, {"like_point": ("1,2",)}]
)
def test_one_of_two_ways(shown: dict[str, Any]) -> None:
    check_edit(made(**shown))
    check_edit(made(remove=True))
    with pytest.raises(ConfigError, match="`remove` fills the hole from what is around it: leave it out, or `like`"):
        check_edit(made(remove=True, **shown))
    with pytest.raises(ConfigError, match="Nothing says what to paint"):
        check_edit(made())


BOUNDS: dict[str, tuple[float | int, float | int, str]] = {
    "steps": (1, MOST_STEPS, "`steps`"),
    "margin": (0.0, 100.0, "`margin`"),
    "seam": (0.0, 1.0, "`seam`"),
}


@pytest.mark.parametrize("name", BOUNDS)
def test_bounds(name: str) -> None:
    low, high, called = BOUNDS[name]
    for value in (low, high):
        check_edit(made(remove=True, **{name: value}))
    step = 1 if isinstance(low, int) else 0.01
    for value in (low - step, high + step):
        with pytest.raises(ConfigError, match=called):
            check_edit(made(remove=True, **{name: value}))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"level": (0.5,)}, "a hole is one: leave it out"),
        ({"guidance": float("nan")}, "`guidance`"),
        ({"feather": -1.0}, "`feather`"),
        ({"mask": ("",)}, "`mask` is empty"),
        ({"like": " ", "remove": False}, "`like` is empty"),
    ],
)
def test_what_else_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        check_edit(made(**({"remove": True} | change)))


def test_defaults() -> None:
    settings = EditingSettings()
    assert (settings.strength, settings.number, settings.seed, settings.margin, settings.seam) == (
        1.0,
        None,
        0,
        None,
        SEAM,
    )
    assert (settings.output, settings.encoding, settings.existing) == ("edits", "png", "error")
    assert not settings.grid and settings.metadata and not settings.remove and settings.guidance is None
