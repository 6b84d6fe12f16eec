"""A second device on a machine that has but one: real numbers, and errors where two devices meet as they do on CUDA.

A tensor "there" wraps one of the CPU and says that it lies on `THERE`. Whatever is asked of it is done on the CPU,
after what CUDA would refuse has been refused: operands on two devices (but for numbers and for indices), and a CPU's
generator for random numbers of another device.
"""

import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_flatten, tree_map

from gencontrol.sprites.store import SpriteStore

THERE = torch.device("meta")
"""Its name here: one for which torch starts no driver."""
_CROSSING = ("aten::_to_copy", "aten::copy_", "aten::_copy_from")
_INDEXED = ("aten::index", "aten::index_put", "aten::index_put_", "aten::_index_put_impl_")


class There(Tensor):
    """A tensor that says it lies on the second device."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> "There":
        """Around a tensor of the CPU."""
        made = torch.Tensor._make_wrapper_subclass(  # pyright: ignore[reportAttributeAccessIssue]
            cls, held.size(), dtype=held.dtype, device=THERE, strides=held.stride(), requires_grad=held.requires_grad
        )
        made.held = held
        return made

    def tolist(self) -> Any:
        """Numbers come back by themselves, as on CUDA; torch has this for no class of another's."""
        return self.held.tolist()

    def new_tensor(self, data: Any, **settings: Any) -> "There":  # pyright: ignore[reportIncompatibleMethodOverride]
        """Torch makes it past every mode."""
        return There(self.held.new_tensor(data, **settings))

    @classmethod
    def __torch_dispatch__(cls, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        """Outside of the mode there is no second device."""
        raise RuntimeError(f"{func}: a tensor of the second device outside of `second_device`")


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None) -> Any:
        kwargs = dict(kwargs or {})
        name = func._schema.name
        there = _is_there(name, args, kwargs)
        if kwargs.get("device") is not None:
            there = torch.device(kwargs["device"]).type == THERE.type
            kwargs["device"] = torch.device("cpu")
        if there and kwargs.get("generator") is not None:
            raise RuntimeError(f"{name}: expected a generator of the second device, found one of the CPU")
        out = func(*tree_map(_unwrapped, args), **tree_map(_unwrapped, kwargs))
        changed = args[0] if name.endswith("_") and args else None
        if changed is not None:
            return changed
        return tree_map(There, out, is_leaf=_is_tensor) if there and _holds_tensors(out) else out


def _is_there(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> bool:
    """Where the operation runs.

    Raises:
        RuntimeError: Its operands lie on two devices.
    """
    given: Any = (args, kwargs)
    if name in _INDEXED:
        given = (args[0], args[2:], kwargs)
        if not isinstance(args[0], There) and any(isinstance(index, There) for index in args[1]):
            raise RuntimeError(f"{name}: indices of the second device into a tensor of the CPU")
    tensors = [value for value in tree_flatten(given)[0] if isinstance(value, Tensor)]
    if name in _CROSSING:
        return isinstance(args[0], There)
    places = {isinstance(value, There) for value in tensors if value.dim()}
    if len(places) > 1:
        raise RuntimeError(f"{name}: expected all tensors on one device, found two")
    return places == {True} or any(isinstance(value, There) for value in tensors)


def _unwrapped(value: Any) -> Any:
    return value.held if isinstance(value, There) else value


def _is_tensor(value: Any) -> bool:
    return isinstance(value, Tensor)


def _holds_tensors(out: Any) -> bool:
    return any(isinstance(value, Tensor) for value in tree_flatten(out)[0])


@contextmanager
def second_device() -> Iterator[torch.device]:
    """Within it `tensor.to(device)` brings a tensor there, and `.cpu()` back."""
    with _Mode():
        yield THERE


PLANES = {"rgb", "alpha", "alphas", "background", "alone", "pixels", "masks"}
"""What is made on the device that a store of sprites lies on."""


def on_both(store: SpriteStore, make: Callable[[SpriteStore], Any]) -> None:
    """Make something of the store here and of the store there, and compare."""
    here = make(store)
    with second_device() as device:
        there = make(store.to(device))
    check_same(here, there)


def check_same(here: Any, there: Any, *, name: str = "") -> None:
    """The same values; planes there, all else here."""
    if dataclasses.is_dataclass(here):
        here, there = vars(here), vars(there)
    if isinstance(here, Mapping):
        assert here.keys() == there.keys()
        for key in here:
            check_same(here[key], there[key], name=key)
    elif isinstance(here, list | tuple):
        for one, other in zip(here, there, strict=True):
            check_same(one, other, name=name)
    elif isinstance(here, Tensor):
        assert isinstance(there, There) == (name in PLANES), name
        torch.testing.assert_close(_unwrapped(there), here, atol=1e-6, rtol=0)
    else:
        assert here == there
