"""The notebooks run, at a small size and on random weights; as they are stored they hold what they show."""

import base64
import io
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from nbformat import NotebookNode
from PIL import Image, ImageChops

from gencontrol.pipelines import REFERENCE_HOSTS

SHOWN: Mapping[str, int] = {"vary": 13, "encoder": 3, "nerf": 3, "relations": 2, "understand": 1}
"""Pictures in each notebook that is stored with them; the hosts' are noise, of twins with random weights."""
FAR = 0.05
"""Mean difference of colours in [0, 1] that another processor's rounding does not make: another picture's is 0.2."""


def test_vary(notebooks: ModuleType, tiny_folder: Path) -> None:
    done = notebooks.executed("vary", parameters=f'MODEL, ALPHA_CLIP, STEPS, COUNT = "{tiny_folder}", "auto", 2, 2')
    shown = notebooks.pictures(done)
    assert sum(source.startswith("vary(") for source, _ in shown) == 10
    assert len(shown) == SHOWN["vary"]


def test_hosts(notebooks: ModuleType) -> None:
    """Every host is named, and each is drawn with but a twin."""
    done = notebooks.executed("hosts")
    text = "\n".join(cell.source for cell in done.cells)
    assert all(f'"{name}"' in text or f"`{name}`" in text for name in REFERENCE_HOSTS)
    drawn = [source for source, _ in notebooks.pictures(done)]
    named = {name for name in REFERENCE_HOSTS if any(source.startswith(f'host = "{name}"') for source in drawn)}
    assert named == set(REFERENCE_HOSTS) - {"sdxl-ip-vit-h"}
    # Besides: the photo, several references, two adapters, and the modular pipeline.
    assert len(drawn) == len(named) + 4


def test_understand(notebooks: ModuleType) -> None:
    done = notebooks.executed("understand")
    assert len(notebooks.pictures(done)) == SHOWN["understand"]
    told = "\n".join(printed(done).values())
    assert "| closely | first | pumpkin 100% |" in told and "| the cactus | 0.00 | 0.00 | 1.00 |" in told
    assert (
        "| first | a big pumpkin on the left | a pumpkin |" in told and "| what is it? | a pumpkin | a crown |" in told
    )


@pytest.mark.parametrize("name", SHOWN)
def test_notebooks_are_stored_with_what_they_show(notebooks: ModuleType, name: str) -> None:
    stored = notebooks.read(name)
    assert name in notebooks.NOTEBOOKS and len(notebooks.pictures(stored)) == SHOWN[name]
    outputs = [out for cell in stored.cells for out in cell.get("outputs", [])]
    assert not [out for out in outputs if out.output_type == "error"]
    for _, png in notebooks.pictures(stored):
        with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
            levels = np.asarray(picture.convert("L"))
        assert levels.min() < levels.max()
    # No run's own times, no bars of progress, and no path of the machine that it ran on.
    text = notebooks.path_of(name).read_text(encoding="utf-8")
    assert '"execution"' not in text and '"widgets"' not in text
    assert "/home/" not in text and str(notebooks.ROOT) not in text


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vary", "encoder", "nerf", "relations", "understand"])
def test_notebooks_show_again_what_they_are_stored_with(notebooks: ModuleType, name: str) -> None:
    stored, again = notebooks.read(name), notebooks.executed(name)
    for (source, before), (_, now) in zip(notebooks.pictures(stored), notebooks.pictures(again), strict=True):
        assert difference(before, now) < FAR, source
    assert printed(stored).keys() == printed(again).keys()


def difference(first: str, second: str) -> float:
    """Of two PNGs in base64: mean absolute difference of colours in [0, 1]; 1 where they are of another size."""
    with (
        Image.open(io.BytesIO(base64.b64decode(first))) as one,
        Image.open(io.BytesIO(base64.b64decode(second))) as other,
    ):
        if one.size != other.size:
            return 1.0
        apart = ImageChops.difference(one.convert("RGB"), other.convert("RGB"))
    return float(np.asarray(apart).mean() / 255)


def printed(notebook: NotebookNode) -> dict[str, str]:
    """The cells that print a table or lines, and what they print."""
    found = {}
    for cell in notebook.cells:
        for out in cell.get("outputs", []):
            text = out.get("text", "") or out.get("data", {}).get("text/markdown", "")
            if text:
                found[cell.source] = text
    return found
