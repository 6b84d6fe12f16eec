"""A mesh with vertex colours as USDZ: a layer of text in a zip archive.

Written here, since the library for it (usd-core) is thirty megabytes for what is one mesh. The package's rules are
those of OpenUSD's "Usdz File Format Specification": no compression, and each file's bytes begin at a multiple of 64, by
padding the local header's extra field.
"""

import io
import zipfile
from collections.abc import Iterable

import numpy as np
from jaxtyping import Float, Int

_ALIGNMENT = 64
_LAYER = "scene.usda"
# Bytes of a local header before its name and extra field, and the head of an extra field: its kind and its length.
_LOCAL_HEADER, _EXTRA_HEAD = 30, 4
# Any kind that readers do not know is skipped; this one is what other writers of USDZ take.
_PADDING_KIND = 0x1986
# Zip's earliest time: the same mesh is the same bytes.
_TIME = (1980, 1, 1, 0, 0, 0)


def usdz_bytes(
    vertices: Float[np.ndarray, "v 3"], faces: Int[np.ndarray, "f 3"], colours: Float[np.ndarray, "v 3"]
) -> bytes:
    """A USDZ package.

    Args:
        vertices: World units, y up.
        faces: Triangles, counter-clockwise seen from outside.
        colours: Linear light, [0, 1], at the vertices.
    """
    layer = _layer(vertices, faces, colours).encode("ascii")
    entry = zipfile.ZipInfo(_LAYER, _TIME)
    start = _LOCAL_HEADER + len(_LAYER) + _EXTRA_HEAD
    padding = -start % _ALIGNMENT
    entry.extra = _PADDING_KIND.to_bytes(2, "little") + padding.to_bytes(2, "little") + bytes(padding)
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(entry, layer)
    return package.getvalue()


def _layer(vertices: np.ndarray, faces: np.ndarray, colours: np.ndarray) -> str:
    low, high = vertices.min(axis=0), vertices.max(axis=0)
    return f"""#usda 1.0
(
    defaultPrim = "Scene"
    metersPerUnit = 1
    upAxis = "Y"
)

def Xform "Scene" (
    kind = "component"
)
{{
    def Mesh "Mesh" (
        prepend apiSchemas = ["MaterialBindingAPI"]
    )
    {{
        float3[] extent = [{_vectors([low, high])}]
        int[] faceVertexCounts = [{", ".join(["3"] * len(faces))}]
        int[] faceVertexIndices = [{", ".join(map(str, faces.reshape(-1).tolist()))}]
        rel material:binding = </Scene/Material>
        point3f[] points = [{_vectors(vertices)}]
        color3f[] primvars:displayColor = [{_vectors(colours)}] (
            interpolation = "vertex"
        )
        uniform token subdivisionScheme = "none"
    }}

    def Material "Material"
    {{
        token outputs:surface.connect = </Scene/Material/Surface.outputs:surface>

        def Shader "Surface"
        {{
            uniform token info:id = "UsdPreviewSurface"
            color3f inputs:diffuseColor.connect = </Scene/Material/Colour.outputs:result>
            float inputs:roughness = 1
            token outputs:surface
        }}

        def Shader "Colour"
        {{
            uniform token info:id = "UsdPrimvarReader_float3"
            string inputs:varname = "displayColor"
            float3 outputs:result
        }}
    }}
}}
"""


def _vectors(values: Iterable[np.ndarray]) -> str:
    return ", ".join("({:.6g}, {:.6g}, {:.6g})".format(*row) for row in values)
