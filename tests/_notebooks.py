"""The notebooks in examples/ run from their beginning, and kept with what they print and draw.

python tests/_notebooks.py [NAME ...]      runs them, and stores them with their outputs
"""

import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).parents[1]
NOTEBOOKS = ("vary", "encoder", "nerf", "relations", "understand")
"""Those that are stored with what they show."""


def path_of(name: str) -> Path:
    """Where a notebook is."""
    return ROOT / "examples" / f"{name}.ipynb"


def read(name: str) -> NotebookNode:
    """A notebook as it is stored."""
    return nbformat.read(path_of(name), as_version=4)


def executed(name: str, *, parameters: str | None = None, timeout: int = 900) -> NotebookNode:
    """A notebook after it has run, in a fresh kernel, in the root.

    Args:
        name: Which.
        parameters: What its cell of parameters says instead.
        timeout: Seconds for each cell.
    """
    notebook = read(name)
    if parameters is not None:
        (cell,) = [cell for cell in notebook.cells if "parameters" in cell.metadata.get("tags", [])]
        cell.source = parameters
    NotebookClient(notebook, timeout=timeout, resources={"metadata": {"path": str(ROOT)}}).execute()
    return notebook


def pictures(notebook: NotebookNode) -> list[tuple[str, str]]:
    """Each picture that it shows: the source of its cell, and the PNG in base64."""
    shown = []
    for cell in notebook.cells:
        for out in cell.get("outputs", []):
            if "image/png" in out.get("data", {}):
                shown.append((cell.source, out["data"]["image/png"]))
    return shown


def tidied(notebook: NotebookNode) -> NotebookNode:
    """Without what differs from run to run, or nobody sees: times, the kernel's version, bars of progress."""
    for cell in notebook.cells:
        cell.metadata.pop("execution", None)
        if cell.cell_type == "code":
            cell.outputs = [out for out in cell.outputs if not _is_bar(out)]
            for out in cell.outputs:
                out.get("metadata", {}).clear()
    notebook.metadata.get("language_info", {}).pop("version", None)
    notebook.metadata.pop("widgets", None)
    return notebook


def _is_bar(out: NotebookNode) -> bool:
    return "application/vnd.jupyter.widget-view+json" in out.get("data", {}) or out.get("name") == "stderr"


def main(names: list[str]) -> None:
    """Run and store them."""
    for name in names or NOTEBOOKS:
        notebook = tidied(executed(name))
        nbformat.write(notebook, path_of(name))
        print(f"{name}: {len(pictures(notebook))} pictures")


if __name__ == "__main__":
    main(sys.argv[1:])
