"""ImageNet-S by hand: ids in pixels, folders, names, and accuracy as the mean over classes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from gencontrol.errors import InputError
from gencontrol.tasks.protocols.imagenet_s import (
    PUBLISHED,
    decode_ids,
    encode_ids,
    mean_over_classes,
    places,
    read_folder,
    read_ids,
    read_names,
)

SYNSETS = ("n01440764", "n02007558", "n03372029")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three classes with two, one and no picture."""
    for synset, names in zip(SYNSETS, (("a", "b"), ("c",), ()), strict=True):
        for split, suffix in (("validation", "JPEG"), ("validation-segmentation", "png")):
            (tmp_path / split / synset).mkdir(parents=True)
            for name in names:
                Image.new("RGB", (6, 4)).save(tmp_path / split / synset / f"{name}.{suffix}")
    return tmp_path


def test_ids_are_red_and_256_green() -> None:
    pixels = np.array([[(231, 3, 0), (151, 3, 0), (232, 3, 0)], [(0, 0, 0), (255, 0, 0), (0, 1, 0)]], dtype=np.uint8)
    assert decode_ids(pixels).tolist() == [[999, 919, 1000], [0, 255, 256]]
    ids = torch.tensor([[0, 255, 256, 919, 1000, 65535]])
    assert torch.equal(decode_ids(encode_ids(ids)), ids)


def test_ids_of_a_file(tmp_path: Path) -> None:
    Image.fromarray(encode_ids(torch.tensor([[0, 300], [1000, 7]]))).save(tmp_path / "mask.png")
    assert read_ids(tmp_path / "mask.png").tolist() == [[0, 300], [1000, 7]]
    (tmp_path / "text.png").write_text("no picture", encoding="utf-8")
    with pytest.raises(InputError, match=r"text.png cannot be read as a mask of ImageNet-S"):
        read_ids(tmp_path / "text.png")


def test_categories_are_the_sorted_folders(root: Path) -> None:
    data = read_folder(root)
    assert data.synsets == SYNSETS
    assert [(s.picture.name, s.mask.name, s.category) for s in data.samples] == [
        ("a.JPEG", "a.png", 1),
        ("b.JPEG", "b.png", 1),
        ("c.JPEG", "c.png", 2),
    ]


def test_a_list_of_categories_wins(root: Path) -> None:
    listed = "\n".join([SYNSETS[2], "n00000001", SYNSETS[1], SYNSETS[0]])
    (root / "ImageNetS_categories_im4.txt").write_text(listed, encoding="utf-8")
    data = read_folder(root)
    assert data.synsets == ("n00000001", *SYNSETS)
    assert [s.category for s in data.samples] == [2, 2, 3]


def test_folders_that_lack_something(root: Path) -> None:
    with pytest.raises(InputError, match=r"No folder .*test-segmentation: expected ImageNet-S"):
        read_folder(root, split="test")
    for name in "ab":
        (root / "validation" / SYNSETS[0] / f"{name}.JPEG").unlink()
    with pytest.raises(
        InputError, match=r"lacks 2 of 3 pictures that have masks: n01440764/a, n01440764/b\. ImageNet-S"
    ):
        read_folder(root)
    for name in ("n01440764/a", "n01440764/b", "n02007558/c"):
        (root / "validation-segmentation" / f"{name}.png").unlink()
    with pytest.raises(InputError, match="No mask in"):
        read_folder(root)


def test_names_are_first_lemmas(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("n02007558\tflamingo\nn01440764 tench, Tinca tinca\nn03372029 flute, transverse_flute\nn9 x\n")
    assert read_names(path, SYNSETS) == ("tench", "flamingo", "flute")
    path.write_text("n01440764 tench\nn02007558 \n", encoding="utf-8")
    with pytest.raises(InputError, match="has no name for 2 of 3 synsets: n02007558, n03372029"):
        read_names(path, SYNSETS)


def test_places() -> None:
    cosines = torch.tensor([[0.3, 0.2, 0.1], [0.3, 0.2, 0.1], [0.3, 0.2, 0.1], [0.5, 0.5, 0.5]])
    # Of what is alike, the right one is the last.
    assert places(cosines, torch.tensor([0, 1, 2, 0])).tolist() == [1, 2, 3, 3]


def test_accuracy_is_the_mean_over_classes() -> None:
    category = torch.tensor([4, 4, 4, 4, 7, 9, 9])
    hit = torch.tensor([True, False, False, False, True, True, False])
    # 1/4, 1 and 1/2; over pictures it would be 3/7.
    assert mean_over_classes(hit, category) == pytest.approx((0.25 + 1 + 0.5) / 3)


def test_what_is_published_is_better_than_plain_clip() -> None:
    for rows in PUBLISHED.values():
        (clip, alpha) = rows.values()
        assert clip[0] < alpha[0] < alpha[1] <= 100 and clip[1] < alpha[1]
    assert PUBLISHED["ViT-L/14"]["Alpha-CLIP, GRIT-20M"] == (77.41, 94.45)
