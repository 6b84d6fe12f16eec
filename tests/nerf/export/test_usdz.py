"""USDZ: a stored archive whose files lie at multiples of 64 bytes, and a mesh with its colours."""

import io
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest

from gencontrol.nerf.export.usdz import usdz_bytes

VERTICES = np.array([[0.0, 0, 0], [1, 0, 0], [0, 2, 0], [0, 0, -3]])
FACES = np.array([[0, 2, 1], [0, 1, 3], [0, 3, 2], [1, 2, 3]])
COLOURS = np.array([[1.0, 0, 0], [0, 1, 0], [0, 0, 1], [0.25, 0.5, 0.75]])


@pytest.fixture(scope="module")
def content() -> bytes:
    return usdz_bytes(VERTICES, FACES, COLOURS)


def numbers(layer: str, name: str) -> list[float]:
    found = re.search(rf"{re.escape(name)} = \[(.*)\]", layer)
    assert found is not None, name
    return [float(text) for text in re.findall(r"-?[\d.]+(?:e-?\d+)?", found[1])]


def test_the_archive_keeps_the_packages_rules(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        (entry,) = archive.infolist()
        assert entry.filename.endswith(".usda") and entry.compress_type == zipfile.ZIP_STORED
        layer = archive.read(entry)
    start = content.index(layer)
    assert start % 64 == 0 and layer.startswith(b"#usda 1.0\n")


def test_the_layer_holds_the_mesh(content: bytes) -> None:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        layer = archive.read("scene.usda").decode()
    assert numbers(layer, "points") == VERTICES.reshape(-1).tolist()
    assert numbers(layer, "faceVertexIndices") == FACES.reshape(-1).tolist()
    assert numbers(layer, "faceVertexCounts") == [3] * 4
    assert numbers(layer, "primvars:displayColor") == COLOURS.reshape(-1).tolist()
    assert numbers(layer, "extent") == [0, 0, -3, 1, 2, 0]
    assert 'upAxis = "Y"' in layer


def test_the_same_mesh_is_the_same_bytes(content: bytes) -> None:
    assert content == usdz_bytes(VERTICES, FACES, COLOURS)


def test_openusd_reads_it(content: bytes, tmp_path: Path) -> None:
    usd = pytest.importorskip("pxr.Usd")
    from pxr import UsdGeom, UsdShade  # pyright: ignore[reportMissingImports]

    file = tmp_path / "x.usdz"
    file.write_bytes(content)
    stage = usd.Stage.Open(str(file))
    assert stage.GetDefaultPrim().GetName() == "Scene" and UsdGeom.GetStageUpAxis(stage) == "Y"
    mesh = UsdGeom.Mesh(stage.GetPrimAtPath("/Scene/Mesh"))
    assert np.allclose(mesh.GetPointsAttr().Get(), VERTICES)
    assert np.allclose(mesh.GetDisplayColorAttr().Get(), COLOURS)
    assert UsdShade.MaterialBindingAPI(mesh.GetPrim()).ComputeBoundMaterial()[0].GetPath() == "/Scene/Material"
