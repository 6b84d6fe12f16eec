"""Files of every kind that a person may hand in by mistake, beside some good ones."""

import os
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from safetensors.torch import save_file

SIZE = (80, 64)
"""Width and height of the good picture and its masks."""


def write_files(folder: Path) -> Path:
    """Fill a folder, and return it. Names say what is in them; `photo.png` and `mask.png` are as they should be."""
    folder.mkdir(parents=True, exist_ok=True)
    for write in (_pictures, _odd_pictures, _masks, _arrays, _texts, _tensors, _places):
        write(folder)
    return folder


def _photo() -> Image.Image:
    photo = Image.radial_gradient("L").resize(SIZE).convert("RGB")
    ImageDraw.Draw(photo).ellipse((8, 16, 36, 44), fill="red")
    ImageDraw.Draw(photo).rectangle((48, 20, 72, 52), fill="blue")
    return photo


def _disc(mode: str = "L", size: tuple[int, int] = SIZE) -> Image.Image:
    mask = Image.new("L", size)
    ImageDraw.Draw(mask).ellipse((8, 16, 36, 44), fill=255)
    return mask.convert(mode)


def _pictures(folder: Path) -> None:
    photo = _photo()
    photo.save(folder / "photo.png")
    photo.save(folder / "photo.jpg")
    photo.save(folder / "photo.webp")
    for mode in ("1", "L", "LA", "P", "RGBA"):
        photo.convert(mode).save(folder / f"mode {mode}.png")
    photo.convert("CMYK").save(folder / "cmyk.jpg")
    photo.convert("I").convert("I;16").save(folder / "sixteen bits.png")
    photo.convert("F").save(folder / "floats.tiff")
    photo.save(folder / "moving.gif", save_all=True, append_images=[photo.rotate(90)])
    turned = Image.Exif()
    turned[0x0112] = 6
    photo.save(folder / "turned.jpg", exif=turned)
    os.link(folder / "photo.png", folder / "same file.png")
    (folder / "link.png").symlink_to(folder / "photo.png")


def _odd_pictures(folder: Path) -> None:
    for name, size in {"one pixel": (1, 1), "one row": (90, 1), "one column": (1, 90), "long": (2000, 3)}.items():
        Image.new("RGB", size, "orange").save(folder / f"{name}.png")
    data = (folder / "photo.png").read_bytes()
    (folder / "cut off.png").write_bytes(data[: len(data) // 2])
    (folder / "flipped.png").write_bytes(data[:60] + bytes([data[60] ^ 255]) + data[61:])
    (folder / "no bytes.png").write_bytes(b"")
    (folder / "random.png").write_bytes(bytes(range(256)))
    (folder / "text.png").write_text("I am no picture.\n", encoding="utf-8")
    (folder / "drawing.svg").write_text(
        "<svg xmlns='http://www.w3.org/2000/svg' width='9' height='9'/>", encoding="utf-8"
    )
    (folder / "bomb.png").write_bytes(_bomb())
    _photo().save(folder / "program.eps")
    (folder / "program by another name.png").write_bytes((folder / "program.eps").read_bytes())
    _photo().save(folder / "photo.bmp")
    Image.new("RGBA", SIZE, (0, 0, 0, 0)).save(folder / "nothing to see.png")


def _bomb() -> bytes:
    """A PNG that says it has 60,000 by 60,000 pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def _masks(folder: Path) -> None:
    for mode in ("1", "L", "RGB"):
        _disc(mode).save(folder / f"mask {mode}.png")
    _disc().save(folder / "mask.png")
    _disc().point([level // 255 for level in range(256)]).save(folder / "mask of 0 and 1.png")
    _disc().point([level // 4 for level in range(256)]).save(folder / "faint mask.png")
    _disc(size=(64, 80)).save(folder / "mask the other way.png")
    for name, level in {"black": 0, "white": 255, "grey": 128}.items():
        Image.new("L", SIZE, level).save(folder / f"{name} mask.png")
    classes = _disc().point([level // 85 for level in range(256)]).convert("P")
    classes.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    classes.save(folder / "classes.png")
    cut = _photo()
    cut.putalpha(_disc())
    cut.save(folder / "cutout.png")


def _arrays(folder: Path) -> None:
    plane = np.asarray(_disc(), dtype=np.float32) / 255
    broken = np.where(plane > 0, np.nan, plane)
    for name, array in {"mask": plane, "nan": broken, "bools": plane > 0, "stacked": np.stack([plane, plane])}.items():
        np.save(folder / f"{name}.npy", array)
    np.save(folder / "objects.npy", np.array([{}], dtype=object), allow_pickle=True)
    (folder / "no array.npy").write_bytes(b"\x93NUMPY\x01\x00")


def _texts(folder: Path) -> None:
    texts: dict[str, str | bytes] = {
        "empty.yaml": "",
        "list.yaml": "- 1\n- 2\n",
        "typo.yaml": "strenght: 1\n",
        "steps.yaml": "steps: many\n",
        "good.yaml": "strength: 0.5\n",
        "deep.yaml": "[" * 5000,
        "tab.yaml": "a:\tb\n\tc",
        "latin.yaml": b"strength: \xe9\n",
        "run lengths.json": '{"size": [64, 80], "counts": [100, 200, 4820]}',
        "short run lengths.json": '{"size": [64, 80], "counts": [100]}',
        "deep.json": "[" * 5000,
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    for name in ("without end.json", "without end.yaml"):
        # It takes no room on a disk that knows holes.
        with (folder / name).open("wb") as file:
            file.truncate(2**28)


def _tensors(folder: Path) -> None:
    save_file({"image_embeds": torch.full((1, 32), torch.nan)}, folder / "nan.safetensors")
    save_file({"image_embeds": torch.ones(1, 7)}, folder / "narrow.safetensors")
    save_file({"other": torch.ones(2)}, folder / "other.safetensors")
    (folder / "cut.safetensors").write_bytes(struct.pack("<Q", 10**12) + b"{}")
    torch.save({"visual.conv1.weight": torch.ones(4, 3, 2, 2)}, folder / "some.pth")
    with zipfile.ZipFile(folder / "zip.pth", "w") as archive:
        archive.writestr("hello", "there")
    (folder / "picture.pth").write_bytes((folder / "photo.png").read_bytes())


def _places(folder: Path) -> None:
    (folder / "empty folder").mkdir(exist_ok=True)
    (folder / "loop.png").symlink_to(folder / "loop.png")
    (folder / "gone.png").symlink_to(folder / "never was.png")
    os.mkfifo(folder / "pipe.png")
    model = folder / "model without weights"
    model.mkdir(exist_ok=True)
    (model / "model_index.json").write_text("{}", encoding="utf-8")
    odd: dict[str, Callable[[Path], object]] = {
        name: lambda path: path.write_bytes((folder / "photo.png").read_bytes())
        for name in ("a:2.png", "a,b.png", "k=v.png", "new\nline.png", "-dash.png", "ünï ☃.png", "%d.png", "{x}.png")
    }
    for name, write in odd.items():
        write(folder / name)


def write_lists(folder: Path) -> Path:
    """What commands that ask, measure and serve are given, added to a folder of odd files; returned."""
    deep = "[" * 100_000
    texts: dict[str, str | bytes] = {
        "labels.txt": "cat\nred dog\nbird\n",
        "labels twice.txt": "cat\nCat\n",
        "labels of latin.txt": b"caf\xe9\n",
        "no labels.txt": "\n \n",
        "templates.txt": "a {}\nthe {}\n",
        "templates without a place.txt": "a\n",
        "curve.json": '{"way": "one-pass", "values": [0, 1]}',
        "nan curve.json": '{"values": [0, NaN, 1]}',
    }
    for name, text in texts.items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    for name in ("deep model", "odd module"):
        (folder / name).mkdir(exist_ok=True)
    for name in ("config.json", "model_index.json", "preprocessor_config.json", "open_clip_config.json"):
        (folder / "deep model" / name).write_text(deep, encoding="utf-8")
    (folder / "odd module" / "config.json").write_text('{"module": {"width": "wide"}, "made_for": 1}', encoding="utf-8")
    save_file({"x": torch.ones(2)}, folder / "odd module" / "model.safetensors")
    np.savez(folder / "odd store.npz", pixels=np.zeros(3), index=np.array("[" * 9))
    # Two hundred regions of a mask, each a row of some pixels.
    numbers = np.arange(SIZE[0] * SIZE[1], dtype=np.int64).reshape(SIZE[1], SIZE[0]) * 201 // (SIZE[0] * SIZE[1])
    Image.fromarray(numbers.astype(np.uint8)).save(folder / "two hundred.png")
    masks = folder / "masks" / "photo"
    masks.mkdir(parents=True, exist_ok=True)
    _disc().save(masks / "cat.png")
    _disc().rotate(180).save(masks / "red_dog.png")
    return folder
