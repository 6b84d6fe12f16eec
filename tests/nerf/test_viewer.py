"""The viewer's controls, against viser's own server."""

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

pytest.importorskip("nerfstudio")
# nerfstudio 1.1.5 and the versions it pins warn about themselves, at import and in use.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    import viser

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    opened = viser.ViserServer(host="127.0.0.1", port=port, verbose=False)
    yield opened
    opened.stop()


def parts(shape: Any) -> Any:
    from gencontrol.nerf.parts import Part

    return (Part(name="hat", prompt="red cat", shape=shape),)


def drag(server: Any, name: str, position: tuple[float, ...], wxyz: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)) -> None:
    """What viser does when a browser says that a gizmo was moved."""
    from viser._messages import TransformControlsUpdateMessage

    message = TransformControlsUpdateMessage(name=name, wxyz=wxyz, position=position)  # pyright: ignore
    server.scene._handle_transform_controls_updates(0, message)


def test_dragging_the_handle_moves_the_highlight(server: Any) -> None:
    from gencontrol.nerf.highlight import Box
    from gencontrol.nerf.viewer import HighlightHandle, part_controls

    changes: list[tuple[str, dict[str, Any]]] = []
    box = Box(centre=(0.1, 0.2, 0.3), size=(0.4, 0.5, 0.6))
    controls = part_controls(parts(box), lambda name, change: changes.append((name, change)))
    handle = controls["control_highlight_0"]
    assert isinstance(handle, HighlightHandle)
    handle.install(server)
    # The viewer's world is ten times nerfstudio's.
    assert np.allclose(handle.gizmo.position, (1.0, 2.0, 3.0))
    drag(server, "/highlight/hat", (2.0, -3.0, 4.0), (0.7071068, 0.0, 0.0, 0.7071068))
    ((name, change),) = changes
    assert name == "hat" and change["shape"].size == box.size
    assert change["shape"].centre == pytest.approx((0.2, -0.3, 0.4)) and change["shape"].turn == pytest.approx(90)


def test_a_drag_is_announced_once_until_it_is_taken(server: Any) -> None:
    from gencontrol.nerf.highlight import Sphere
    from gencontrol.nerf.viewer import HighlightHandle

    moved: list[Any] = []
    handle = HighlightHandle("slow", Sphere(centre=(0.0, 0.0, 0.0), radius=0.2), moved.append, scale=10.0)
    handle.install(server)
    calls: list[Any] = []
    take = handle.cb_hook
    handle.cb_hook = calls.append  # as if the training step held the lock
    for x in (1.0, 2.0, 3.0):
        drag(server, "/highlight/slow", (x, 0.0, 0.0))
    assert len(calls) == 1
    take(handle)
    assert [shape.centre[0] for shape in moved] == pytest.approx([0.3])
    drag(server, "/highlight/slow", (4.0, 0.0, 0.0))
    assert len(calls) == 2


def test_the_handle_can_be_hidden_and_removed(server: Any) -> None:
    from gencontrol.nerf.highlight import HalfSpace
    from gencontrol.nerf.viewer import HighlightHandle

    half = HalfSpace(point=(0.0, 0.0, 0.0), normal=(0.0, 0.0, 1.0))
    handle = HighlightHandle("plane", half, lambda _: None, scale=10.0)
    handle.set_hidden(True)  # not shown yet: nothing to hide
    handle.install(server)
    handle.set_hidden(True)
    assert not handle.gizmo.visible
    handle.set_visible(True)
    assert handle.gizmo.visible
    handle.remove()
    assert handle.gizmo is None


def test_only_what_can_be_moved_has_a_handle() -> None:
    from gencontrol.nerf.highlight import Sphere, Union, Whole
    from gencontrol.nerf.viewer import part_controls

    def names(shape: Any) -> set[str]:
        return set(part_controls(parts(shape), lambda *_: None))

    assert names(Whole()) == {"control_prompt_0", "control_weight_0"}
    ball = Sphere(centre=(0.0, 0.0, 0.0), radius=0.2)
    assert names(Union(of=(ball,))) == names(ball) == names(Whole()) | {"control_highlight_0"}


def test_outlines_have_the_shapes_size() -> None:
    from gencontrol.nerf.highlight import Box, Ellipsoid, HalfSpace, Sphere, Union
    from gencontrol.nerf.viewer import outline

    def extent(shape: Any) -> list[float]:
        mesh = outline(shape)
        assert mesh is not None and mesh[1].max() < len(mesh[0])
        return np.ptp(mesh[0], axis=0).tolist()

    sizes = (0.4, 0.6, 1.0)
    assert extent(Box(centre=(1.0, 0.0, 0.0), size=sizes)) == pytest.approx(sizes)
    assert extent(Ellipsoid(centre=(1.0, 0.0, 0.0), size=sizes)) == pytest.approx(sizes, rel=0.05)
    assert extent(Sphere(centre=(1.0, 0.0, 0.0), radius=0.3)) == pytest.approx([0.6] * 3, rel=0.05)
    assert extent(HalfSpace(point=(0.0, 0.0, 0.0), normal=(1.0, 0.0, 0.0)))[:2] == pytest.approx([2, 2])
    assert outline(Union(of=())) is None


def test_prompt_and_weight_change_the_part() -> None:
    from gencontrol.nerf.highlight import Whole
    from gencontrol.nerf.viewer import part_controls

    changes: list[tuple[str, dict[str, Any]]] = []
    controls = part_controls(parts(Whole()), lambda name, change: changes.append((name, change)))
    controls["control_prompt_0"].cb_hook(SimpleNamespace(value="blue boat"))
    controls["control_weight_0"].cb_hook(SimpleNamespace(value=2))
    assert changes[0] == ("hat", {"prompt": "blue boat"}) and changes[1][1]["weight"].points == ((0, 2.0),)


def test_the_viewer_changes_a_part_and_leaves_out_what_cannot_be(make, caplog: pytest.LogCaptureFixture) -> None:
    model = make(prompt="red cat", sphere=(0.0, 0.0, 0.0, 0.5))
    model.steering()
    handle = model.control_highlight_0
    handle._dragged(SimpleNamespace(position=(2.0, 0.0, 0.0), wxyz=(1.0, 0.0, 0.0, 0.0)))
    model.control_weight_0.cb_hook(SimpleNamespace(value=2.0))
    model.control_prompt_0.cb_hook(SimpleNamespace(value="blue boat"))
    (part,) = model.parts
    assert part.shape.centre == (0.2, 0.0, 0.0) and part.prompt == "blue boat" and part.weight.points == ((0, 2.0),)
    expected = model.steering().guides[0].encoder.encode_text("blue boat", normalize=True)
    assert torch.allclose(model.steering().targets[0][0], expected, atol=1e-5)
    model.control_prompt_0.cb_hook(SimpleNamespace(value="blue bote"))
    assert model.parts[0].prompt == "blue boat" and "nearest" in caplog.text


def test_a_word_that_the_encoder_does_not_know_is_left_out_where_nothing_was_steered(
    make, caplog: pytest.LogCaptureFixture
) -> None:
    model = make(mode="fit")
    model.control_prompt_0.cb_hook(SimpleNamespace(value="blue bote"))
    assert model.parts[0].prompt == "" and model._steering is None and "nearest" in caplog.text
    model.control_prompt_0.cb_hook(SimpleNamespace(value="blue boat"))
    assert model.parts[0].prompt == "blue boat" and model._steering is not None
