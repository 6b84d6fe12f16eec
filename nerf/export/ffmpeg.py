"""The `ffmpeg` that `ns-render` asks for: the one that imageio-ffmpeg brought, where the machine has none."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path


def brought_ffmpeg() -> Path | None:
    """imageio-ffmpeg's program; None where there is no imageio-ffmpeg, or none for this machine."""
    try:
        from imageio_ffmpeg import get_ffmpeg_exe

        return Path(get_ffmpeg_exe())
    except (ImportError, RuntimeError):
        return None


def offer_ffmpeg() -> Path | None:
    """Put imageio-ffmpeg's program, whose file has another name, on this process's search path as `ffmpeg`.

    nerfstudio's tools look for it there once they have set a pipeline up, and so have those whom they start. Nothing
    happens where there is an `ffmpeg`, or no imageio-ffmpeg.

    Returns:
        The folder that was added, which goes when the process ends; None for nothing.
    """
    if shutil.which("ffmpeg") is not None:
        return None
    program = brought_ffmpeg()
    if program is None:
        return None
    folder = Path(tempfile.mkdtemp(prefix="gencontrol-ffmpeg-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    (folder / "ffmpeg").symlink_to(program.absolute())
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", ""), str(folder)]).lstrip(os.pathsep)
    return folder
