"""The viewer's controls, against viser's own server."""

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from gencontrol.nerf.field import grid
from gencontrol.schedules import as_schedule

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
    from gencontrol.nerf.parts.parts import Part

    return (Part(name="hat", prompt="red cat", shape=shape),)


def drag(server: Any, name: str, position: tuple[float, ...], wxyz: tuple[float, ...] = (1.0, 0.0, 0.0, 0.0)) -> None:
    """What viser does when a browser says that a gizmo was moved."""
    from viser._messages import TransformControlsUpdateMessage

    message = TransformControlsUpdateMessage(name=name, wxyz=wxyz, position=position)  # pyright: ignore
    server.scene._handle_transform_controls_updates(0, message)


def test_dragging_the_handle_moves_the_highlight(server: Any) -> None:
    from gencontrol.nerf.method.viewer import HighlightHandle, part_controls
    from gencontrol.nerf.parts.shapes import Box

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
    from gencontrol.nerf.method.viewer import HighlightHandle
    from gencontrol.nerf.parts.shapes import Sphere

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
    from gencontrol.nerf.method.viewer import HighlightHandle
    from gencontrol.nerf.parts.shapes import HalfSpace

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
    from gencontrol.nerf.method.viewer import part_controls
    from gencontrol.nerf.parts.shapes import Sphere, Union, Whole

    def names(shape: Any) -> set[str]:
        return set(part_controls(parts(shape), lambda *_: None))

    assert names(Whole()) == {"control_prompt_0", "control_weight_0"}
    ball = Sphere(centre=(0.0, 0.0, 0.0), radius=0.2)
    assert names(Union(of=(ball,))) == names(ball) == names(Whole()) | {"control_highlight_0"}


def test_outlines_have_the_shapes_size() -> None:
    from gencontrol.nerf.method.viewer import outline
    from gencontrol.nerf.parts.shapes import Box, Ellipsoid, HalfSpace, Sphere, Union

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
    from gencontrol.nerf.method.viewer import part_controls
    from gencontrol.nerf.parts.shapes import Whole

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


def settled(server: Any) -> None:
    """Wait for what viser has announced in its threads: each of them takes one of these and stays in it."""
    workers = server.gui._thread_executor
    meet = threading.Barrier(workers._max_workers + 1)
    for _ in range(workers._max_workers):
        workers.submit(meet.wait)
    meet.wait(timeout=30)


def saved(model: Any) -> dict[str, torch.Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


def test_controls_show_the_checkpoints_parts_where_no_viewer_is_open_yet(make) -> None:
    from gencontrol.nerf.method.viewer import HighlightHandle
    from gencontrol.nerf.parts.shapes import Sphere

    state = saved(make(prompt="blue boat", sphere=(0.1, 0.0, 0.0, 0.4)))
    model = make(prompt="red cat")
    assert not hasattr(model, "control_highlight_0")
    with pytest.warns(UserWarning, match="The checkpoint's own parts are kept"):
        model.load_state_dict(state)
    assert model.control_prompt_0.value == "blue boat"
    handle = model.control_highlight_0
    assert isinstance(handle, HighlightHandle) and handle.shape == Sphere(centre=(0.1, 0.0, 0.0), radius=0.4)
    model.control_prompt_0.cb_hook(SimpleNamespace(value="red cat"))
    assert model.parts[0].prompt == "red cat"


def test_an_open_viewer_shows_the_checkpoints_parts(make, server: Any) -> None:
    from gencontrol.nerf.method.viewer import part_controls, restored_controls
    from gencontrol.nerf.parts.parts import Part
    from gencontrol.nerf.parts.shapes import Sphere

    changes: list[Any] = []

    def change(name: str, changed: dict[str, Any]) -> None:
        changes.append((name, changed))

    def part(name: str, prompt: str, x: float, weight: float) -> Part:
        shape = Sphere(centre=(x, 0.0, 0.0), radius=0.3)
        return Part(name=name, prompt=prompt, shape=shape, weight=as_schedule(f"0:{weight} 100:5"))

    # The values and gizmos are those of viser's own types.
    controls: dict[str, Any] = {}
    controls |= part_controls((part("hat", "red cat", 0.1, 1.0), part("shoe", "red cat", 0.1, 1.0)), change)
    for control in controls.values():
        control.install(server)
    kept = restored_controls(controls, (part("hat", "blue boat", 0.2, 2.0),), change)
    assert set(kept) == {"control_prompt_0", "control_weight_0", "control_highlight_0"}
    assert all(kept[name] is controls[name] for name in kept)
    prompt, weight, handle = (controls[name] for name in kept)
    assert prompt.gui_handle.value == "blue boat" and weight.gui_handle.value == 2.0
    settled(server)
    assert np.allclose(handle.gizmo.position, (2.0, 0.0, 0.0)) and not changes
    assert controls["control_prompt_1"].gui_handle is None and controls["control_highlight_1"].gizmo is None
    drag(server, "/highlight/hat", (3.0, 0.0, 0.0))
    settled(server)
    prompt.gui_handle.value = "red cat"
    settled(server)
    (_, moved), (_, worded) = changes
    assert moved["shape"].centre[0] == pytest.approx(0.3) and worded == {"prompt": "red cat"}


def test_a_highlight_dragged_to_an_empty_place_finds_a_mist_there(make, scene_file: Path) -> None:
    model = make(mode="edit", scene=scene_file, sphere=(0.0, 0.0, 0.0, 0.3), prompt="red cat", resolution="0:16")
    empty = torch.tensor([[0.0, 0.0, 0.85]])
    before, _ = model.field(empty, model._change_membership(empty))
    model.control_highlight_0._dragged(SimpleNamespace(position=(0.0, 0.0, 8.5), wxyz=(1.0, 0.0, 0.0, 0.0)))
    after, _ = model.field(empty, model._change_membership(empty))
    assert before.item() < 1e-2 and after.item() == pytest.approx(grid.density(torch.tensor(-2.5)).item(), rel=0.01)
