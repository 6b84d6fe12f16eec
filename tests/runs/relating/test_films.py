"""Frames of films."""

import sys
from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from gencontrol.errors import ConfigError, InputError, MissingDependencyError
from gencontrol.runs.relating.films import count_frames, film_frames, is_film
from gencontrol.runs.relating.frames import frame_sources, is_clip
from gencontrol.runs.relating.reading import asks_of_clip
from gencontrol.runs.relating.settings import RelatingSettings


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Forty frames, each brighter than the one before."""
    path = tmp_path / "film.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=8)
        stream.width, stream.height, stream.pix_fmt = 32, 24, "yuv420p"
        for number in range(40):
            pixels = np.full((24, 32, 3), 20 + 5 * number, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
    return path


def test_frames_in_their_order(film: Path) -> None:
    assert is_film(film) and is_clip(film) and not is_film(Path("a.gif")) and count_frames(film) == 40
    first, last = film_frames(film, {39, 0})
    assert first.size == (32, 24) and abs(np.array(first).mean() - 20) < 5 and abs(np.array(last).mean() - 215) < 5
    sources = frame_sources(film)
    means = [np.array(frame).mean() for frame in sources]
    # Of many some are taken, evenly, the first and the last among them.
    assert len(sources) == 32 and means == sorted(means) and means[-1] > 205


def test_a_film_is_asked_about_with_clips_of_masks(film: Path) -> None:
    settings = RelatingSettings(image=str(film), mask=(str(film),))
    assert asks_of_clip(settings)
    with pytest.raises(ConfigError, match=r"film\.mp4 is a film: give each region a folder or an animation of masks"):
        asks_of_clip(replace(settings, mask=("mask.png",)))
    assert asks_of_clip(replace(settings, mask=("mask.png",), follow=True))


def test_films_that_cannot_be_read(film: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = film.with_name("broken.mp4")
    broken.write_bytes(film.read_bytes()[:100])
    with pytest.raises(InputError, match=r"broken\.mp4 is truncated or damaged"):
        count_frames(broken)
    with pytest.raises(InputError, match=r"none\.mp4"):
        count_frames(film.with_name("none.mp4"))
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingDependencyError, match=r"films need PyAV: run `pip install 'gencontrol\[nerf\]'`"):
        count_frames(film)
