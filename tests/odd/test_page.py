"""What a page may send that is no page of ours: every answer is a line of ours, and no traceback."""

import json
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from gencontrol.errors import GencontrolError
from gencontrol.studio.page.sealed import names_others
from gencontrol.studio.page.sessions import Session, Sessions
from gencontrol.studio.page.studio import Studio
from gencontrol.studio.scene.asking import AMONG, NAMES, Controls

FEWER = settings(max_examples=10)
_NUMBERS = st.one_of(st.integers(-5, 200), st.floats(), st.sampled_from([1e300, -(10**400), 2**63, 0.5, 1.0]))
_SAID = (
    *("", " ", "1:0.3", "1:", "nan", "random", "1,2,3", "5-8", "8-5", "-1", "9" * 30, "zoom:closeness=1", "zoom:x=y"),
    *("strength=0:1.5:4", "strength=0:1.5:999999999", "focus=", "images=a,b", "weight=1,2", "../../etc", "`x`"),
    *("\0", "\ud800", "<script>alert(1)</script>", "[", "{", "tiny", "circle", "alpha", "euler", "pad"),
)
_TEXTS = st.one_of(st.text(max_size=30), st.sampled_from(_SAID))
ANYTHING = st.recursive(
    st.one_of(st.none(), st.booleans(), _NUMBERS, _TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(_TEXTS, inner, max_size=4)),
    max_leaves=12,
)
"""Whatever JSON, and a little more, can hold."""
_POINTS = st.lists(st.one_of(st.lists(_NUMBERS, min_size=2, max_size=2), ANYTHING), max_size=4)
_MARKS = st.fixed_dictionaries(
    {"tool": st.one_of(st.sampled_from(["brush", "eraser", "box", "point"]), ANYTHING), "points": _POINTS},
    optional={"radius": st.one_of(_NUMBERS, ANYTHING)},
)
_MARKED = st.lists(st.one_of(_MARKS, ANYTHING), max_size=3)
_REGION = st.fixed_dictionaries(
    {"name": st.one_of(_TEXTS, ANYTHING), "marks": st.one_of(_MARKED, ANYTHING)},
    optional={"weight": ANYTHING, "level": ANYTHING, "negative": ANYTHING, "mask": ANYTHING},
)
SCENES = st.one_of(st.lists(st.one_of(_REGION, ANYTHING), max_size=3).map(json.dumps), _TEXTS)
"""What the canvas may send: regions with something amiss, or no regions at all."""


class Sends:
    """Draws nothing, and has heard what it was to draw."""

    def run(self, job: Mapping[str, Any], cancelled: threading.Event | None = None) -> Iterator[dict[str, Any]]:
        json.dumps(job)
        if job["do"] == "find":
            Image.new("L", (40, 30), 255).save(job["mask"])
        return iter([{"kind": "done", "outputs": [], "sheets": [], "rows": [], "seconds": 0.0}])


@pytest.fixture(scope="module")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Studio:
    sessions = Sessions(tmp_path_factory.mktemp("visits"), keeps=False)
    return Studio(Sends(), sessions, models=["tiny"], private=False, offline=True)


@pytest.fixture(scope="module")
def visit(studio: Studio, tmp_path_factory: pytest.TempPathFactory) -> Session:
    path = tmp_path_factory.mktemp("sent") / "photo.png"
    Image.new("RGB", (40, 30), (200, 90, 30)).save(path)
    session = studio.sessions.open()
    studio.take_picture(session, path, plainly=True)
    return session


def lines(work: Any) -> None:
    """Whatever comes of it is ours."""
    try:
        work()
    except GencontrolError as error:
        text = str(error)
        assert text and "\n" not in text and "Traceback" not in text and " object at 0x" not in text, text


@FEWER
@given(scene=SCENES, data=st.data())
def test_the_canvas_and_the_controls(studio: Studio, visit: Session, scene: str, data: st.DataObject) -> None:
    usual = Controls()
    values = [data.draw(st.one_of(st.just(getattr(usual, name)), ANYTHING)) for name in NAMES]
    lines(lambda: studio.look(visit, scene, values))
    lines(lambda: list(studio.vary(visit, scene, values)))
    lines(lambda: studio.ask(visit, scene, values, data.draw(st.lists(_TEXTS, max_size=3))))
    lines(lambda: studio.describe(visit, scene, values, data.draw(_TEXTS)))
    among = data.draw(st.one_of(st.sampled_from(AMONG), _TEXTS))
    lines(lambda: studio.find(visit, scene, values, data.draw(_TEXTS), among=among, grounder=data.draw(_TEXTS)))


@given(data=st.data())
def test_the_tab_of_three_dimensions(data: st.DataObject) -> None:
    from gencontrol.studio.spatial.controls import SPATIAL_NAMES, SpatialControls, read_spatial, run_settings
    from gencontrol.studio.spatial.painting import VIEWS, masks_of, read_painted

    usual = SpatialControls(prompt="cactus")
    values = [data.draw(st.one_of(st.just(getattr(usual, name)), ANYTHING)) for name in SPATIAL_NAMES]
    scene = data.draw(st.sampled_from([None, Path("scene.safetensors")]))
    lines(lambda: run_settings(read_spatial(values), scene=scene, output=Path("out")))
    painted = data.draw(st.dictionaries(st.one_of(st.sampled_from(list(VIEWS)), _TEXTS), _MARKED, max_size=3))
    lines(lambda: masks_of(read_painted(json.dumps(painted))))


@given(asked=ANYTHING)
def test_requests_to_gradio(asked: Any) -> None:
    text = json.dumps(asked).encode()
    is_refused = names_others(text, Path("/served"))
    assert isinstance(is_refused, bool)
    assert names_others(json.dumps({"data": [asked, {"path": "/etc/passwd"}]}).encode(), Path("/served"))
