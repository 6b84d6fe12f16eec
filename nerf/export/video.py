"""Pictures of a scene along a camera path: MP4, GIF, or numbered RGBA PNGs. No system ffmpeg."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from PIL import Image

from gencontrol.errors import ConfigError, InputError, MissingDependencyError
from gencontrol.files import atomic_file, atomic_folder
from gencontrol.images.colour import check_colour
from gencontrol.nerf.export.pictures import rgba_picture
from gencontrol.nerf.field.scene import Scene
from gencontrol.nerf.limits import check_limits
from gencontrol.nerf.rays.cameras import Cameras, Orbit, are_turns, one_camera, spiral, turntable
from gencontrol.nerf.rays.rendering import Quadrature, render_view
from gencontrol.text_files import json_value, read_text

# Our frames' names: other pictures are somebody's own, and a folder that holds them is not replaced.
_FRAMES = "[0-9][0-9][0-9][0-9][0-9].png"
# World units to a camera: from farther, float32 does not tell the two ends of a scene apart.
_FARTHEST = 1e6
# Of a turntable, in degrees.
_ELEVATION = 20.0
# Five digits number the frames; a picture of the largest size takes half a gigabyte while it is rendered.
_LIMITS = {
    "frames": (1, 99999),
    "size": (1, 4096),
    "elevation": (-90, 90),
    "samples": (1, 4096),
    "frames_per_second": (1, 240),
}


@dataclass(frozen=True, kw_only=True)
class VideoSettings:
    """What is filmed and how."""

    path: Literal["turntable", "spiral"] = "turntable"
    """One turn at a fixed height, or two turns up and down."""
    frames: int = 60
    """Number of pictures."""
    size: int = 256
    """Side of the square pictures in pixels."""
    elevation: float | None = None
    """Height of the turntable's camera in degrees; None is 20. A spiral has its own."""
    samples: int = 96
    """Samples along each ray."""
    frames_per_second: int = 24
    """Speed of MP4 and GIF."""
    background: tuple[float, float, float] = (1.0, 1.0, 1.0)
    """sRGB in [0, 1] behind the scene in MP4 and GIF; PNGs keep transparency."""
    orbit: Orbit = field(default_factory=Orbit)
    """Distance, field of view and point looked at."""

    def __post_init__(self) -> None:
        check_limits(self, _LIMITS)
        check_colour(self.background, name="`background`")
        if self.path == "spiral" and self.elevation is not None:
            raise ConfigError("`elevation` is the turntable's, and a spiral goes up and down by itself: leave it out.")


def film(scene: Scene, settings: VideoSettings, *, cameras: Cameras | None = None) -> Iterator[Image.Image]:
    """Render the frames, RGBA with straight colour, one after another.

    Args:
        scene: What is filmed.
        settings: Path, number and size of the pictures.
        cameras: A path of one's own instead of the settings'.
    """
    cameras = path_cameras(settings) if cameras is None else cameras
    quadrature, cells = Quadrature(samples=settings.samples), scene.cells()
    for index in range(len(cameras.pose)):
        with torch.no_grad():
            seen = render_view(scene, one_camera(cameras, index), quadrature=quadrature, cells=cells)
        yield rgba_picture(seen.colour[0].permute(2, 0, 1), seen.opacity)


def path_cameras(settings: VideoSettings) -> Cameras:
    """The cameras of the settings' path."""
    size, elevation = (settings.size, settings.size), settings.elevation
    if settings.path == "spiral":
        return spiral(settings.frames, size, orbit=settings.orbit)
    return turntable(
        settings.frames, size, orbit=settings.orbit, elevation=_ELEVATION if elevation is None else elevation
    )


def read_path(file: Path, size: tuple[int, int]) -> Cameras:
    """Cameras of a nerfstudio camera path (what its viewer exports), at another picture size.

    Raises:
        InputError: The file is no camera path.
    """
    try:
        frames = json_value(read_text(file, what="a camera path"))["camera_path"]
        poses = torch.tensor([frame["camera_to_world"] for frame in frames], dtype=torch.float32)
        poses = poses.reshape(-1, 4, 4)[:, :3]
        angles = torch.tensor([float(frame["fov"]) for frame in frames])
    except InputError:
        raise
    except (ValueError, KeyError, TypeError, RuntimeError) as error:
        raise InputError(
            f"{file} is no camera path as nerfstudio's viewer exports it: expected 'camera_path', a list of cameras "
            "with camera_to_world (16 numbers) and fov (degrees), in JSON."
        ) from error
    if not len(poses):
        raise InputError(f"{file} is a camera path without cameras.")
    if not (poses.isfinite().all() and ((angles > 0) & (angles < 180)).all()):
        raise InputError(
            f"{file} is no camera path that can be filmed: expected finite poses (camera_to_world) and opening angles "
            "(fov) above 0 and below 180 degrees."
        )
    wrong = (~are_turns(poses)) | (poses[:, :, 3].abs() > _FARTHEST).any(dim=1)
    if wrong.any():
        raise InputError(
            f"{file} is no camera path that can be filmed: the pose of camera {int(wrong.nonzero()[0])} "
            "(camera_to_world) is flat, mirrored or far beyond the scene; expected a rotation, camera to world, x "
            f"right, y up, looking along -z, and a place at most {_FARTHEST:g} world units away."
        )
    return Cameras(pose=poses, focal=size[0] / (2 * (angles.deg2rad() / 2).tan()), height=size[0], width=size[1])


def write_film(frames: Iterable[Image.Image], path: Path, settings: VideoSettings, *, exclusive: bool = False) -> Path:
    """Write frames as .mp4 or .gif, or, for a path without suffix, a folder of numbered RGBA PNGs.

    Args:
        frames: Of the film.
        path: Where to.
        settings: Speed, and what is behind.
        exclusive: Whether what has come to lie at `path` meanwhile is kept.

    Raises:
        OutputError: See `atomic_file`.
        InputError: Another suffix.
        MissingDependencyError: PyAV is not installed (MP4).
    """
    suffix = path.suffix.lower()
    if suffix == ".mp4":
        with atomic_file(path, exclusive=exclusive) as temporary:
            _write_mp4(frames, temporary, settings)
    elif suffix == ".gif":
        with atomic_file(path, exclusive=exclusive) as temporary:
            _write_gif(frames, temporary, settings)
    elif not suffix:
        with atomic_folder(path, ours=(_FRAMES,), exclusive=exclusive) as folder:
            for index, frame in enumerate(frames):
                frame.save(folder / f"{index:05d}.png")
    else:
        raise InputError(f"Cannot write {suffix}: choose .mp4, .gif, or a folder (no suffix) for PNGs.")
    return path


def flatten(frame: Image.Image, background: tuple[float, float, float]) -> np.ndarray:
    """An RGBA picture over a plain colour: (h, w, 3), uint8."""
    planes = np.asarray(frame).astype(np.float32) / 255
    over = planes[..., :3] * planes[..., 3:] + np.asarray(background, np.float32) * (1 - planes[..., 3:])
    return (over * 255).round().astype(np.uint8)


def _write_mp4(frames: Iterable[Image.Image], path: Path, settings: VideoSettings) -> None:
    try:
        import av
    except ImportError as error:
        raise MissingDependencyError("MP4 needs PyAV: pip install 'gencontrol[nerf]', or write a .gif.") from error
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=settings.frames_per_second)
        # What every player shows; it needs even sides.
        stream.pix_fmt = "yuv420p"
        stream.options = {"crf": "18"}
        for frame in frames:
            picture = av.VideoFrame.from_ndarray(_even(flatten(frame, settings.background)), format="rgb24")
            if not stream.codec_context.is_open:
                stream.height, stream.width = picture.height, picture.width
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def _write_gif(frames: Iterable[Image.Image], path: Path, settings: VideoSettings) -> None:
    import imageio.v3 as imageio

    # In memory: imageio's writer, when a disk is full, writes again as it is thrown away, and prints that.
    pictures = np.stack([flatten(frame, settings.background) for frame in frames])
    content = imageio.imwrite("<bytes>", pictures, extension=".gif", duration=1000 / settings.frames_per_second, loop=0)
    path.write_bytes(content or b"")


def _even(picture: np.ndarray) -> np.ndarray:
    height, width = picture.shape[:2]
    return np.pad(picture, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
