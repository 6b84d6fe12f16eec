"""The process of one run: it trains, makes the mesh, and leaves its state in its folder."""

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from gencontrol.errors import GencontrolError, InputError
from gencontrol.runs.radiance import CreationSettings, train
from gencontrol.studio.environment import environment
from gencontrol.studio.spatial.records import LOG, MESH, State, read_job, write_state

_PATIENT = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
"""Unless they are set: threads that spin while they wait would cost the browser its core."""


@runtime_checkable
class Handle(Protocol):
    """A process, as `multiprocessing.Process` is one."""

    @property
    def exitcode(self) -> int | None:
        """How it ended; None while it goes on."""
        ...

    def join(self, timeout: float | None = None) -> None:
        """Wait for its end."""
        ...

    def terminate(self) -> None:
        """Ask it to end."""
        ...

    def kill(self) -> None:
        """End it."""
        ...


def start_process(folder: Path) -> Handle:
    """Begin the run that a folder's job asks for, in a process of its own."""
    # Spawned: a fork would take threads' locks along, and the server's sockets. As a daemon it ends with its server.
    process = multiprocessing.get_context("spawn").Process(target=work, args=(str(folder),), daemon=True)
    with environment({name: os.environ.get(name, value) for name, value in _PATIENT.items()}):
        process.start()
    return process


def work(folder: str) -> None:
    """What such a process does."""
    # Ctrl-C reaches all processes of a terminal: the server ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    end_with_parent()
    with (Path(folder) / LOG).open("ab") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    carry_out(Path(folder), train=train, mesh=mesh_of)


def end_with_parent() -> None:
    """End this process as soon as the one that began it is gone, however that went."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_after, args=(parent.sentinel,), daemon=True).start()


def _end_after(sentinel: Any) -> None:
    wait([sentinel])
    os._exit(1)


def carry_out(folder: Path, *, train: Callable[[CreationSettings], Path], mesh: Callable[[Path], object]) -> None:
    """Carry a run out, and leave its state.

    Args:
        folder: The run's own, with its job.
        train: Makes the scene, and gives its folder.
        mesh: Makes the mesh in that folder.
    """
    write_state(folder, State(status="running", changed=time.time()))
    try:
        result = train(read_job(folder).settings)
        missing = _missing(mesh, result)
    except MemoryError:
        state = State(status="failed", message="the run ran out of memory.")
    except GencontrolError as error:
        state = State(status="failed", message=" ".join(str(error).split()))
    except Exception as error:
        # A fault of ours: the page has a line, and the log where it was.
        traceback.print_exc()
        line = " ".join(f"{type(error).__name__}: {error}".split())[:200]
        state = State(status="failed", message=f"a fault of gencontrol ended the run ({line}).")
    else:
        state = State(status="done", message=missing, result=str(result.relative_to(folder)))
    write_state(folder, replace(state, changed=time.time()))


def _missing(mesh: Callable[[Path], object], result: Path) -> str:
    """Make the mesh; what there is no mesh for is a scene all the same."""
    try:
        mesh(result)
    except InputError as error:
        return f"There is no mesh: {' '.join(str(error).split())}"
    return ""


def mesh_of(result: Path) -> Path:
    """Write the scene in a folder as a mesh beside it; for its errors see `gencontrol.nerf.export.mesh.write_mesh`."""
    from gencontrol.nerf.export.mesh import MeshSettings, write_mesh
    from gencontrol.nerf.field.scene import SCENE_FILE, load_scene

    return write_mesh(load_scene(result / SCENE_FILE), result / MESH, MeshSettings())
