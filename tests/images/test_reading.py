"""Pictures from everywhere keep their values, their hidden colours and their orientation; bad ones say why."""

import os
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from gencontrol.errors import InputError
from gencontrol.images.picture import Picture, PictureWarning
from gencontrol.images.reading import is_deep, open_image, read_image

LEVELS = np.array([[0, 64, 128, 255], [10, 20, 30, 40]], dtype=np.uint8)


def rgba(height: int = 6, width: int = 8) -> np.ndarray:
    """Random colours, the left half fully transparent."""
    levels = np.random.default_rng(0).integers(0, 256, (height, width, 4), dtype=np.uint8)
    levels[..., 3] = 255
    levels[:, : width // 2, 3] = 0
    return levels


def png_header(width: int, height: int) -> bytes:
    """A PNG of a few bytes that claims a size."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def test_pillow_would_lose_transparent_colours_when_resizing() -> None:
    # Why planes are resampled apart: this is the trap that the package's own geometry avoids.
    shrunk = np.asarray(Image.fromarray(rgba(32, 32)).resize((8, 8), Image.Resampling.BICUBIC))
    assert (shrunk[:, :3, :3] == 0).all()


def sixteen_bits(path: Path, levels: np.ndarray) -> Path:
    """A PNG of 16-bit colour, which Pillow cannot write: https://www.w3.org/TR/png-3, sections 5 and 9."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    height, width, channels = levels.shape
    header = struct.pack(">IIBBBBB", width, height, 16, {3: 2, 4: 6}[channels], 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in levels)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


@pytest.mark.parametrize("channels", [3, 4])
def test_16_bit_colour_keeps_its_upper_bits(channels: int, tmp_path: Path) -> None:
    levels = np.arange(0, 65536, 1820).astype(np.uint16)[: 6 * channels].reshape(2, 3, channels)
    levels[0, 0, :3], levels[1, 2, :3] = (0x00FF, 0x80FF, 0xFFFF), (0x0100, 0x7FFF, 0xFE00)
    picture = read_image(sixteen_bits(tmp_path / "deep.png", levels))
    planes = [picture.rgb] if picture.alpha is None else [picture.rgb, picture.alpha[None]]
    found = torch.cat(planes).permute(1, 2, 0).numpy()
    # Neither clipped nor taken for 8 bits: off by less than a step of 8 bits.
    assert np.abs(found - levels / 65535).max() < 1.01 / 255
    assert (picture.alpha is None) == (channels == 3)


def test_what_holds_more_than_8_bits(tmp_path: Path) -> None:
    deep = sixteen_bits(tmp_path / "deep.png", np.zeros((2, 3, 3), np.uint16))
    Image.fromarray(np.zeros((2, 3), np.uint16)).save(tmp_path / "grey.png")
    Image.new("RGB", (3, 2)).save(tmp_path / "plain.png")
    Image.new("F", (3, 2)).save(tmp_path / "floats.tiff")
    others = [tmp_path / name for name in ("grey.png", "floats.tiff", "plain.png")]
    found = [is_deep(path) for path in (deep, *others)]
    assert found == [True, True, True, False]


@pytest.mark.parametrize("mode", ["L", "1", "P", "RGB", "RGBA", "LA", "CMYK", "YCbCr", "HSV", "I;16", "I", "F", "PA"])
def test_pil_modes(mode: str) -> None:
    grey = Image.fromarray(LEVELS)
    scale = {"I;16": 257, "I": 257, "F": 1 / 255}.get(mode, 1)
    if mode in ("I;16", "I"):
        image = Image.fromarray(LEVELS.astype(np.uint16 if mode == "I;16" else np.int32) * scale)
    elif mode == "F":
        image = Image.fromarray(LEVELS.astype(np.float32) * np.float32(scale))
    else:
        image = grey.convert("RGB").convert(mode) if mode in ("CMYK", "HSV") else grey.convert(mode)
    assert image.mode == mode
    picture = read_image(image)
    expected = torch.from_numpy(LEVELS / 255).float()
    if mode == "1":
        expected = torch.from_numpy(np.array(image)).float()
    torch.testing.assert_close(picture.rgb, expected.expand(3, -1, -1), atol=2 / 255, rtol=0)
    if mode in ("RGBA", "LA", "PA"):
        assert picture.alpha is not None and bool((picture.alpha == 1).all())
    else:
        assert picture.alpha is None


@pytest.mark.parametrize("mode", ["RGBa", "La"])
def test_premultiplied_pil_images_are_made_straight(mode: str) -> None:
    grey = Image.fromarray(np.full((2, 2), 200, dtype=np.uint8))
    grey.putalpha(128)
    straight = read_image((grey if mode == "La" else grey.convert("RGBA")).convert(mode))
    torch.testing.assert_close(straight.rgb[0], torch.full((2, 2), 200 / 255), atol=2 / 255, rtol=0)
    assert straight.alpha is not None and bool((straight.alpha == 128 / 255).all())


def test_sixteen_bit_files_keep_their_precision(tmp_path: Path) -> None:
    values = np.array([[0, 1, 257, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "grey.png")
    expected = torch.from_numpy(values.astype(np.float32)) / 65535
    assert torch.equal(read_image(tmp_path / "grey.png").rgb[0], expected)
    assert torch.equal(read_image(values).rgb[0], expected)


@pytest.mark.filterwarnings("ignore:.*is all but black")
@pytest.mark.parametrize(("largest", "full"), [(1, 255), (255, 255), (256, 65535), (65535, 65535)])
def test_grey_in_32_bits_is_over_the_range_that_it_fills(largest: int, full: int, tmp_path: Path) -> None:
    values = np.array([[0, largest // 2, largest]], dtype=np.int32)
    Image.fromarray(values).save(tmp_path / "grey.tif")
    picture = read_image(tmp_path / "grey.tif")
    torch.testing.assert_close(picture.rgb[1], torch.from_numpy(values / full).float())


@pytest.mark.parametrize("values", [[0, 65536], [-1, 5]])
def test_grey_in_32_bits_beyond_any_range(values: list[int]) -> None:
    with pytest.raises(InputError, match=r"the image: expected values in \[0, 1\]"):
        read_image(Image.fromarray(np.array([values], dtype=np.int32) * 2))


def test_dark_sixteen_bit_files_stay_dark(tmp_path: Path) -> None:
    Image.fromarray(np.array([[0, 255]], dtype=np.uint16)).save(tmp_path / "dark.png")
    with pytest.warns(PictureWarning, match="all but black: its brightest value is 255 of 65535"):
        assert read_image(tmp_path / "dark.png").rgb[0, 0, 1].item() == pytest.approx(255 / 65535)


def test_bytes_stay_bytes_until_floats_are_asked_for(tmp_path: Path) -> None:
    Image.fromarray(rgba()).save(tmp_path / "bytes.png")
    for source in (tmp_path / "bytes.png", rgba(), torch.from_numpy(rgba()).permute(2, 0, 1)):
        picture = read_image(source)
        assert picture.stored_rgb.dtype == torch.uint8 and picture.rgb.dtype == torch.float32
        assert picture.stored_alpha is not None and picture.stored_alpha.dtype == torch.uint8
        assert picture.stored_rgb.permute(1, 2, 0).tolist() == rgba()[..., :3].tolist()
        assert picture.stored_alpha.tolist() == rgba()[..., 3].tolist()


def test_a_picture_does_not_change_with_the_array_that_it_was_read_from() -> None:
    levels = rgba()
    picture = read_image(levels)
    before = picture.rgb
    levels[:] = 0
    assert torch.equal(picture.rgb, before)


def test_tall_pictures_are_copied_whole() -> None:
    levels = rgba(600, 3)
    assert read_image(Image.fromarray(levels)).stored_rgb.permute(1, 2, 0).tolist() == levels[..., :3].tolist()


def test_numpy_files_are_arrays(tmp_path: Path) -> None:
    for values in (LEVELS, LEVELS / 255, LEVELS > 60):
        np.save(tmp_path / "values.npy", values)
        assert torch.equal(read_image(tmp_path / "values.npy").rgb, read_image(values).rgb)
        assert torch.equal(read_image(str(tmp_path / "values.npy")).rgb, read_image(values).rgb)


def test_numpy_files_that_cannot_be_read(tmp_path: Path) -> None:
    np.save(tmp_path / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (tmp_path / "text.npy").write_text("hello")
    (tmp_path / "nothing.npy").touch()
    for name in ("objects", "text", "nothing"):
        said = rf"{name}\.npy cannot be read as an array of numbers in the \.npy format"
        with pytest.raises(InputError, match=said) as refused:
            read_image(tmp_path / f"{name}.npy")
        # No advice to load it unsafely.
        assert "pickle" not in str(refused.value)
    with pytest.raises(InputError, match="No image file at"):
        read_image(tmp_path / "none.npy")


@pytest.mark.parametrize("name", ["masks.npz", "MASKS.NPZ", "masks.npy"])
def test_of_an_archive_of_arrays_one_has_to_be_taken_out(name: str, tmp_path: Path) -> None:
    with (tmp_path / name).open("wb") as file:
        np.savez(file, mask=np.ones((4, 4)))
    with pytest.raises(InputError, match=r"is an archive of arrays \(\.npz\).*: take one array out with numpy\.save"):
        read_image(tmp_path / name)
    (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:60])
    with pytest.raises(InputError, match=r"cannot be read as an array of numbers .*: File is not a zip"):
        read_image(tmp_path / name)


def test_an_array_larger_than_memory_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise MemoryError("Unable to allocate 3.64 TiB")

    np.save(tmp_path / "huge.npy", np.zeros((2, 2)))
    monkeypatch.setattr(np, "load", full)
    with pytest.raises(InputError, match=r"huge\.npy says that it holds more numbers than there is memory for: Unable"):
        read_image(tmp_path / "huge.npy")


def test_a_transparent_palette_entry_becomes_alpha_and_keeps_its_colour(tmp_path: Path) -> None:
    image = Image.fromarray(np.array([[0, 1]], dtype=np.uint8), mode=None).convert("P")
    image.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    image.putdata([0, 1])
    image.save(tmp_path / "palette.png", transparency=0)
    picture = read_image(tmp_path / "palette.png")
    assert picture.alpha is not None
    assert picture.alpha.tolist() == [[0.0, 1.0]]
    assert picture.rgb[:, 0, 0].tolist() == [1.0, 0.0, 0.0]


def test_exif_rotation_is_applied(tmp_path: Path) -> None:
    image = Image.fromarray(rgba()[..., :3])
    exif = image.getexif()
    exif[0x0112] = 6  # the camera was turned: show rotated by 90 degrees clockwise
    image.save(tmp_path / "turned.png", exif=exif)
    picture = read_image(tmp_path / "turned.png")
    upright = torch.rot90(torch.from_numpy(rgba()[..., :3]).permute(2, 0, 1) / 255, -1, dims=(1, 2))
    assert picture.size == (8, 6) and torch.equal(picture.rgb, upright)
    opened = Image.open(tmp_path / "turned.png")
    assert torch.equal(read_image(opened).rgb, upright)
    # The caller's image stays as it was.
    assert opened.size == (8, 6) and torch.equal(read_image(opened).rgb, upright)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_arrays_have_their_channels_last_and_tensors_first(channels: int) -> None:
    values = np.random.default_rng(1).random((5, 7, channels), dtype=np.float32)
    array, tensor = read_image(values), read_image(torch.from_numpy(values).permute(2, 0, 1))
    assert torch.equal(array.rgb, tensor.rgb) and array.rgb.shape == (3, 5, 7)
    assert torch.equal(array.rgb[2], torch.from_numpy(values[..., 2 if channels > 2 else 0]))
    assert (array.alpha is not None) == (channels in (2, 4))
    if array.alpha is not None and tensor.alpha is not None:
        assert torch.equal(array.alpha, tensor.alpha)
        assert torch.equal(array.alpha, torch.from_numpy(values[..., -1]))


@pytest.mark.parametrize(
    "values",
    [
        np.array([[False, True]]),
        np.array([[0, 255]], dtype=np.uint8),
        np.array([[0, 65535]], dtype=np.uint16),
        np.array([[0.0, 1.0]]),
        torch.tensor([[False, True]]),
        torch.tensor([[0, 255]], dtype=torch.uint8),
        torch.tensor([[0.0, 1.0]], dtype=torch.bfloat16),
        np.array([[0.0, 1.0005]]),
    ],
    ids=lambda v: str(v.dtype),
)
def test_value_types(values: np.ndarray | Tensor) -> None:
    assert read_image(values).rgb[0].tolist() == [[0.0, 1.0]]


@pytest.mark.parametrize("value", [1e300, -1e300, np.inf, np.nan])
def test_what_float32_does_not_hold_is_refused_without_a_word_of_numpys(value: float) -> None:
    with pytest.raises(InputError, match="the array holds NaN or infinite values"):
        read_image(np.array([[0.0, value]]))


def test_a_tensor_keeps_its_gradient() -> None:
    rgb = torch.rand(3, 4, 4, requires_grad=True)
    (gradient,) = torch.autograd.grad(read_image(rgb).rgb.sum(), rgb)
    assert torch.equal(gradient, torch.ones_like(rgb))


def test_a_picture_is_passed_on() -> None:
    picture = Picture(rgb=torch.rand(3, 4, 5))
    assert read_image(picture) is picture


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No image file at .*none\.png"):
        read_image(tmp_path / "none.png")


def test_folder_instead_of_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is a folder; expected an image file"):
        read_image(str(tmp_path))


def test_pipes_and_devices_are_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path / "pipe.png", Path("/dev/zero")):
        with pytest.raises(InputError, match=r"is a (pipe|device or a socket); expected an image file"):
            read_image(path)


@pytest.mark.parametrize(
    "name", ["https://example.org/cat.png", "https:/example.org/cat.png", "HTTP://x/y.jpg", "s3://b/k"]
)
def test_addresses_are_not_fetched(name: str) -> None:
    with pytest.raises(InputError, match=r"is an address; expected a picture.s file.*: download it first"):
        read_image(name)


def test_names_that_no_file_can_have(tmp_path: Path) -> None:
    (tmp_path / "loop.png").symlink_to("loop.png")
    for name, reason in (("loop.png", "symbolic links"), ("x" * 300, "too long"), ("nul\0.png", "null byte")):
        with pytest.raises(InputError, match=rf"cannot be read( as an image file)?: .*{reason}"):
            read_image(tmp_path / name)


def test_not_an_image(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("hello")
    with pytest.raises(InputError, match="not an image in a format that Pillow reads"):
        read_image(tmp_path / "text.png")


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".webp", ".tif", ".gif", ".bmp"])
def test_truncated_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"whole{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)).save(path)
    content = path.read_bytes()
    path.write_bytes(content[: len(content) * 2 // 3])
    with pytest.raises(InputError, match=r"truncated or damaged|not an image"):
        read_image(path)


@pytest.mark.parametrize("side", [60_000, 12_000])
def test_decompression_bomb(tmp_path: Path, side: int) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(side, side))
    with pytest.raises(InputError, match=rf"decompression bomb: Image size \({side * side} pixels\)"):
        read_image(path)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), float("-inf")])
def test_values_that_are_not_finite(bad: float) -> None:
    values = np.zeros((4, 4), dtype=np.float32)
    values[1, 2] = bad
    with pytest.raises(InputError, match="the array holds NaN or infinite"):
        read_image(values)


def test_values_out_of_range_name_the_likely_cause() -> None:
    with pytest.raises(InputError, match="got 0 to 255; divide by 255, or pass 8-bit integers"):
        read_image(np.array([[0.0, 255.0]]))
    with pytest.raises(InputError, match="got -1 to 1; scale it to that range"):
        read_image(torch.tensor([[-1.0, 1.0]]))


def test_unknown_dtype_and_shapes() -> None:
    with pytest.raises(InputError, match=r"the array: expected bool.*got int64; convert first"):
        read_image(np.array([[0, 255]]))
    with pytest.raises(InputError, match=r"got shape \(3, 4, 5\); arrays have their channels last"):
        read_image(np.zeros((3, 4, 5)))
    with pytest.raises(InputError, match=r"got shape \(5, 4, 3\); tensors have their channels first"):
        read_image(torch.zeros(5, 4, 3))
    with pytest.raises(InputError, match=r"got shape \(1, 3, 4, 5\)"):
        read_image(torch.zeros(1, 3, 4, 5))
    with pytest.raises(InputError, match="has no pixels"):
        read_image(torch.zeros(3, 0, 5))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        (torch.ones(8, 8, device="meta"), "on the meta device"),
        (torch.ones(8, 8, dtype=torch.uint8, device="meta"), "on the meta device"),
        (torch.eye(8).to_sparse(), r"has the layout sparse_coo; .*to_dense"),
        (torch.nested.nested_tensor([torch.ones(8, 8), torch.ones(8, 8)], layout=torch.jagged), "layout nested"),
        (torch.ones(8, 8, dtype=torch.complex64).conj(), "complex numbers; expected real ones"),
        (torch.zeros(3, 8, 0), r"the tensor has no pixels: its shape is \(3, 8, 0\)"),
        (torch.zeros(3, 0, 8, dtype=torch.uint8), r"the tensor has no pixels: its shape is \(3, 0, 8\)"),
        (torch.zeros(3, 8, 0, dtype=torch.uint16), r"the tensor has no pixels"),
        (np.zeros((8, 0, 3)), r"the array has no pixels: its shape is \(8, 0, 3\)"),
        (np.zeros((0, 8), dtype=np.uint8), r"the array has no pixels: its shape is \(0, 8\)"),
        (np.full((8, 8), None, dtype=object), "holds Python objects, not numbers"),
        (np.array([np.zeros((2, 2)), None], dtype=object), "holds Python objects, not numbers"),
        (np.ma.masked_array(np.ones((8, 8)), mask=True), r"a masked one: `\.filled\(0\)`"),
    ],
)
def test_what_holds_no_plain_values(values: np.ndarray | Tensor, message: str) -> None:
    with pytest.raises(InputError, match=message):
        read_image(values)


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor:UserWarning")
def test_quantised_tensors_are_to_be_made_plain() -> None:
    with pytest.raises(InputError, match=r"quantised .*dequantize"):
        read_image(torch.quantize_per_tensor(torch.ones(8, 8), 0.1, 0, torch.quint8))


def test_open_image_keeps_the_mode(tmp_path: Path) -> None:
    Image.fromarray(LEVELS).convert("P").save(tmp_path / "index.png")
    assert open_image(tmp_path / "index.png").mode == "P"


def test_of_several_frames_the_first_is_read_and_said(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:])
    with pytest.warns(PictureWarning, match=r"a\.gif has several frames or pages, of which the first is read\."):
        picture = read_image(tmp_path / "a.gif")
    assert picture.rgb[0].min() == 1 and picture.rgb[2].max() == 0
    frames[0].save(tmp_path / "b.gif")
    read_image(tmp_path / "b.gif")


def test_an_address_is_said_as_it_was_given() -> None:
    with pytest.raises(InputError, match=r"^http://a\.example/b\.png is an address;"):
        read_image(Path("http://a.example/b.png"))


def test_few_bits_stored_as_sixteen_are_said(tmp_path: Path) -> None:
    levels = np.full((4, 4), 4095, np.uint16)
    Image.fromarray(levels).save(tmp_path / "a.png")
    for source, name in (
        (tmp_path / "a.png", r"a\.png"),
        (levels, "the array"),
        (torch.from_numpy(levels), "the tensor"),
    ):
        with pytest.warns(PictureWarning, match=name + r" is all but black: its brightest value is 4095 of 65535"):
            read_image(source)
        # A mask's levels, or classes, may be small.
        read_image(source, is_mask=True)
    for bright in (levels * 2, levels * 0, np.full((4, 4), 12, np.uint8), np.full((4, 4), 0.01234, np.float32)):
        read_image(bright)


def test_an_array_of_classes_is_told_by_its_files_name(tmp_path: Path) -> None:
    np.save(tmp_path / "classes.npy", np.full((4, 4), 3))
    with pytest.raises(
        InputError, match=r"classes\.npy: expected bool.*got int64; .*as a mask \(`--index-mask FILE=CLASS`"
    ):
        read_image(tmp_path / "classes.npy")


def test_drawings_that_another_program_would_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.eps")
    monkeypatch.setattr("PIL.EpsImagePlugin.Ghostscript", lambda *_, **__: pytest.fail("it was run"))
    with pytest.raises(
        InputError, match=r"a\.eps is a file of the kind EPS, .*another program.*: convert it to PNG\.$"
    ):
        read_image(tmp_path / "a.eps")
