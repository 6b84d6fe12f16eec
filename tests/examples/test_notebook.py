"""The notebooks run, at a small size and on random weights."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

from gencontrol.pipelines import REFERENCE_HOSTS

ROOT = Path(__file__).parents[2]


def test_vary(tiny_folder: Path) -> None:
    notebook: NotebookNode = nbformat.read(ROOT / "examples" / "vary.ipynb", as_version=4)
    (parameters,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
    parameters.source = f'MODEL, ALPHA_CLIP, STEPS, COUNT = "{tiny_folder}", "auto", 2, 2'
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    pictures = [
        cell.source for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})
    ]
    assert sum(source.startswith("vary(") for source in pictures) == 10
    assert len(pictures) == 13


def test_hosts() -> None:
    """Every host is named, and each is drawn with but twins, and Kolors, whose pipeline needs another package."""
    notebook: NotebookNode = nbformat.read(ROOT / "examples" / "hosts.ipynb", as_version=4)
    text = "\n".join(cell.source for cell in notebook.cells)
    assert all(f'"{name}"' in text or f"`{name}`" in text for name in REFERENCE_HOSTS)
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(ROOT)}}).execute()
    drawn = [
        cell.source for cell in notebook.cells for out in cell.get("outputs", []) if "image/png" in out.get("data", {})
    ]
    named = {name for name in REFERENCE_HOSTS if any(source.startswith(f'host = "{name}"') for source in drawn)}
    assert named == set(REFERENCE_HOSTS) - {"sdxl-ip-vit-h", "flux-ip-v2", "kolors-ip-plus"}
    # Besides: the photo, several references, two adapters, and the modular pipeline.
    assert len(drawn) == len(named) + 4
