"""The allow-list: what it lets in, and that everything else is refused before anything happens."""

import io
import pickle
import pickletools

import pytest

from gencontrol.alpha_clip.weights.unpickling import StoredTensor, printable, read_pickle, read_plain_pickle
from gencontrol.errors import CheckpointError


def read(content: bytes) -> object:
    return read_pickle(io.BytesIO(content), source="x.pth")


def test_plain_values() -> None:
    values = {"a": [1, 2.5, True, None, "text"], "b": (1, 2, 3, 4), "c": 2**70}
    for protocol in (2, 3, 4, 5):
        assert read(pickle.dumps(values, protocol=protocol)) == values


def test_the_stream_is_left_behind_the_pickle() -> None:
    stream = io.BytesIO(pickle.dumps(1) + pickle.dumps(2) + b"rest")
    assert (read_pickle(stream, source="x"), read_pickle(stream, source="x"), stream.read()) == (1, 2, b"rest")


def global_call(module: str, name: str, argument: bytes = b"(X\x01\0\0\0at") -> bytes:
    return b"\x80\x02c" + f"{module}\n{name}\n".encode() + argument + b"R."


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("os", "system"),
        ("builtins", "eval"),
        ("builtins", "getattr"),
        ("torch", "load"),
        ("torch.hub", "load"),
        ("torch.storage", "_load_from_bytes"),
        ("torch._utils", "_rebuild_tensor_v2.__globals__"),
        ("collections", "OrderedDict.fromkeys"),
        ("numpy.core.multiarray", "_reconstruct"),
    ],
)
def test_other_names_are_refused_and_shown(module: str, name: str) -> None:
    with pytest.raises(CheckpointError, match=rf"x\.pth holds pickled objects \({module}\.{name}\), which could run"):
        read(global_call(module, name))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("torch.ComplexFloatStorage", "tensors of complex numbers"),
        ("torch.ComplexDoubleStorage", "tensors of complex numbers"),
        ("torch.QInt8Storage", "quantized tensors"),
        ("torch._utils._rebuild_qtensor", "quantized tensors"),
        ("torch._utils._rebuild_sparse_tensor", "sparse tensors"),
        ("torch._utils._rebuild_tensor_v3", "tensors in 8-bit floating point or another rare number format"),
    ],
)
def test_tensors_that_are_no_weights_are_refused_as_what_they_are(name: str, kind: str) -> None:
    module, _, called = name.rpartition(".")
    with pytest.raises(CheckpointError) as refused:
        read(global_call(module, called))
    assert str(refused.value).startswith(f"x.pth holds {kind} ({name}): expected plain tensors of floating-point or ")


def test_names_by_the_newer_instruction_are_refused_too() -> None:
    with pytest.raises(CheckpointError, match=r"\((posix|nt)\.system\)"):
        import os

        read(pickle.dumps(os.system, protocol=4))


@pytest.mark.parametrize("content", [b"\x80\x02\x82\x01.", b"(ios\nsystem\n.", b"Nbuffer."])
def test_other_instructions_are_refused(content: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"holds pickled objects|cannot be read"):
        read(content)


def test_a_note_that_would_fill_the_memory() -> None:
    with pytest.raises(CheckpointError, match="cannot be read"):
        read(b"\x80\x02N" + b"r\xff\xff\xff\xff" + b".")
    assert read(b"\x80\x02N" + b"r\x02\0\0\0" + b".") is None


def test_scripts_objects_are_their_attributes() -> None:
    assert read(b"\x80\x02c__torch__.a.b\nVisionTransformer\n)\x81}X\x01\0\0\0aK\x07sb.") == {"a": 7}
    # A name that only begins alike is another module's.
    with pytest.raises(CheckpointError, match=r"__torch__evil\.X"):
        read(global_call("__torch__evil", "X"))


def test_a_tensor_is_a_description() -> None:
    storage = b"(X\x07\0\0\0storagectorch\nHalfStorage\nX\x01\0\0\x003X\x03\0\0\0cpuK\x06tQ"
    rebuild = b"ctorch._utils\n_rebuild_tensor_v2\n"
    content = (
        b"\x80\x02" + rebuild + b"(" + storage + b"K\x01(K\x02K\x02t(K\x02K\x01t\x89ccollections\nOrderedDict\n)RtR."
    )
    found = read(content)
    assert isinstance(found, StoredTensor)
    assert (found.key, found.count, found.offset, found.shape, found.stride) == ("3", 6, 1, (2, 2), (2, 1))
    assert str(found.dtype) == "torch.float16"
    assert "BINPERSID" in {operation.name for operation, _, _ in pickletools.genops(content)}


def test_what_is_cut_off() -> None:
    whole = pickle.dumps({"a": list(range(100))})
    for length in (0, 1, 10, len(whole) - 1):
        with pytest.raises(CheckpointError, match=r"x\.pth cannot be read: it is truncated"):
            read(whole[:length])


def test_texts_of_strangers_are_made_safe() -> None:
    assert printable("a\x1b[2Jb\n") == "a?[2Jb?"
    assert printable("x" * 100) == "x" * 77 + "..."


PLAIN = [
    {"split": "val", "ann_id": 7, "sentences": [{"sent": "the café", "ok": True, "none": None}], "box": (1.5, 2**70)}
]


@pytest.mark.parametrize("protocol", range(6))
def test_plain_values_are_read_in_every_protocol(protocol: int) -> None:
    assert read_plain_pickle(pickle.dumps(PLAIN, protocol=protocol), source="refs.p") == PLAIN


def test_texts_of_python_2_are_read() -> None:
    content = b"(lp0\n(dp1\nS'raw'\np2\nS'caf\\xe9'\np3\nsS'id'\np4\nL12L\nsS'ok'\nI01\nsa."
    assert read_plain_pickle(content, source="refs.p") == [{"raw": "café", "id": 12, "ok": True}]


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (pickle.dumps(len, protocol=2), r"__builtin__\.len"),
        (b"cos\nsystem\n(S'x'\ntR.", r"os\.system"),
        (b"(ios\nsystem\n.", r"os\.system"),
        (b"\x80\x02\x82\x01.", "the extension 1"),
        (b"P1\n.", "a reference to something outside"),
        (b"\x80\x02ccollections\nOrderedDict\n)R.", r"collections\.OrderedDict"),
    ],
)
def test_plain_pickles_hold_no_objects(content: bytes, named: str) -> None:
    with pytest.raises(CheckpointError, match=rf"refs\.p holds pickled objects \({named}\), which could run anything"):
        read_plain_pickle(content, source="refs.p")


@pytest.mark.parametrize("content", [b"", b"garbage", b"(lp0", pickle.dumps(PLAIN)[:-5], b"(lp999999999999\n"])
def test_damaged_plain_pickles(content: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"refs\.p cannot be read: it is truncated, or no pickle"):
        read_plain_pickle(content, source="refs.p")
