"""The notebook runs, at a small size and on random weights."""

from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

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
