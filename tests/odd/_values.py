"""Values of the right kind and every size, as a program with a mistake in it passes them on."""

import numpy as np
import torch
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from hypothesis.strategies import SearchStrategy

SIZES = st.sampled_from([(40, 56), (56, 40), (1, 1), (1, 30), (30, 1), (3, 500), (224, 224)])
"""(height, width) of pictures that there are."""
REALS = st.one_of(
    st.floats(allow_nan=True, allow_infinity=True),
    st.floats(-2, 60, allow_nan=False),
    st.integers(-3, 60),
    st.sampled_from([0, -0.0, 1, 1e-300, 1e300, 10**30, -(10**400), 2**63, float("nan"), float("inf")]),
)
"""Any number that Python has, those near a picture's own the most often."""
_DTYPES = (np.uint8, np.uint16, np.int32, np.int64, np.float16, np.float32, np.float64, np.bool_, np.complex64, np.int8)
_SHAPES = st.one_of(
    SIZES, st.sampled_from([(), (0,), (7,), (0, 5), (40, 56, 3), (3, 40, 56), (40, 56, 4), (2, 40, 56), (1, 40, 56, 3)])
)


def arrays() -> SearchStrategy[np.ndarray]:
    """Of every shape and number format, with values in and out of range."""

    def filled(shape: tuple[int, ...], dtype: type, seed: int, scale: float, spoilt: bool) -> np.ndarray:
        values = np.random.default_rng(seed).random(shape) * scale
        if spoilt and values.size and np.issubdtype(dtype, np.floating):
            values.flat[0] = np.nan
        with np.errstate(all="ignore"):
            return np.asarray(values).astype(dtype)

    scales = st.sampled_from([0.0, 1.0, 1.0, 2.0, 255.0, 1e6, -1.0, 1e300])
    return st.builds(filled, _SHAPES, st.sampled_from(_DTYPES), st.integers(0, 9), scales, st.booleans())


def tensors() -> SearchStrategy[torch.Tensor]:
    """The same as tensors."""
    return arrays().map(lambda a: torch.from_numpy(np.ascontiguousarray(a)))


def maps(size: tuple[int, int]) -> SearchStrategy[torch.Tensor]:
    """Alpha maps of a size, most of them as they should be: hard, soft, empty, full, faint, a single pixel."""
    values = hnp.arrays(np.float32, (4, 4), elements=st.sampled_from([0.0, 0.0, 1.0, 0.25, 2.0**-20]))

    def enlarged(small: np.ndarray) -> torch.Tensor:
        return torch.nn.functional.interpolate(torch.from_numpy(small)[None, None], size)[0, 0]

    def dotted(y: int, x: int) -> torch.Tensor:
        alpha = torch.zeros(size)
        alpha[y % size[0], x % size[1]] = 1
        return alpha

    places = st.integers(0, 500)
    return st.one_of(values.map(enlarged), st.builds(dotted, places, places), st.just(torch.ones(size)))
