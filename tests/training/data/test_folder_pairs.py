import dataclasses
import json

import numpy as np
import pytest
from PIL import Image

from gencontrol.errors import ConfigError, InputError
from gencontrol.training.data.folder_pairs import FolderPairs, read_listing


@pytest.fixture
def folder(tmp_path):
    picture = np.zeros((20, 40, 3), np.uint8)
    picture[:, :20] = (255, 0, 0)
    Image.fromarray(picture).save(tmp_path / "a.png")
    mask = np.zeros((20, 40), np.uint8)
    mask[:, :20] = 255
    Image.fromarray(mask).save(tmp_path / "m.png")
    Image.fromarray(np.dstack([picture, 255 - mask])).save(tmp_path / "cut.png")
    return tmp_path


def write(folder, *rows):
    (folder / "pairs.jsonl").write_text("\n".join(json.dumps(r) for r in rows))
    return folder


def pairs_of(folder, **settings):
    exact = (1.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    return FolderPairs(folder=folder, pairs=read_listing(folder), size=40, seed=0, alpha_kinds=exact, **settings)


@pytest.mark.parametrize(
    ("row", "left"),
    [
        ({"image": "a.png", "mask": "m.png"}, 1),
        ({"image": "a.png", "box": [0, 0, 20, 20]}, 1),
        ({"image": "cut.png"}, 0),
    ],
)
def test_masks_boxes_and_alpha_channels_mark_the_region(folder, row, left):
    drawn = pairs_of(write(folder, row | {"caption": "red"}), whole_share=0.0).draw(0, 3)
    assert drawn.rgb.shape == (3, 3, 40, 40) and drawn.texts == ["red"] * 3
    # Padded to a square: ten black rows above and below, alpha 0 there.
    assert drawn.alpha[0, :10].max() < 0.02
    assert drawn.alpha[0, 20, 5] == left and drawn.alpha[0, 20, 35] == 1 - left
    assert drawn.rgb[0, :, 20, 5].tolist() == [1, 0, 0]


def test_whole_image_pairs_need_a_caption_of_the_whole(folder):
    rows = [
        {"image": "a.png", "mask": "m.png", "caption": "red", "whole_caption": "red and black"},
        {"image": "a.png", "mask": "m.png", "caption": "half"},
    ]
    drawn = pairs_of(write(folder, *rows), whole_share=1.0).draw(0, 20)
    for text, alpha, whole in zip(drawn.texts, drawn.alpha, drawn.whole.tolist(), strict=True):
        assert whole == (text == "red and black") and text in ("red and black", "half")
        # As where a whole picture is encoded: the padding above and below is no part of it.
        assert bool((alpha[12:28] > 0.98).all()) == whole and alpha[:9].max() < 0.02


def test_equal_captions_have_equal_ids(folder):
    rows = [{"image": "a.png", "caption": c, "mask": "m.png"} for c in ("x", "y", "x")]
    drawn = pairs_of(write(folder, *rows), whole_share=0.0).draw(0, 30)
    assert {(t, int(i[0])) for t, i in zip(drawn.texts, drawn.text_concepts, strict=True)} == {("x", 0), ("y", 1)}


@pytest.mark.parametrize(
    ("text", "error", "message"),
    [
        (None, InputError, r"No pairs.jsonl in .*image, caption and mask"),
        ("", InputError, "lists no pairs"),
        ("{", InputError, r"pairs.jsonl:1: not JSON"),
        ("[" * 200_000, InputError, r"pairs.jsonl:1: not JSON: it is nested too deeply"),
        ("3", InputError, r"pairs.jsonl:1: expected an object with image and caption, got 3"),
        ('{"image": "a.png", "captoin": "x"}', ConfigError, r"unknown key 'captoin'; did you mean 'caption'"),
        ('{"image": "a.png", "caption": "x", "mask": "m.png", "box": [0,0,1,1]}', ConfigError, "a mask or a box"),
        ('{"image": "b.png", "caption": "x"}', InputError, "names files that are not there: b.png"),
    ],
)
def test_bad_listings_are_explained(folder, text, error, message):
    if text is not None:
        (folder / "pairs.jsonl").write_text(text)
    with pytest.raises(error, match=message):
        read_listing(folder)


def test_the_listing_itself_is_no_folder(folder):
    write(folder, {"image": "a.png", "caption": "red"})
    with pytest.raises(InputError, match=r"pairs\.jsonl is a file; expected the folder that its pairs\.jsonl"):
        read_listing(folder / "pairs.jsonl")


def test_a_mask_that_cannot_be_used_is_named_with_its_picture(folder):
    Image.new("L", (10, 10), 255).save(folder / "m.png")
    told = r"a\.png: its mask m\.png is 10 x 10 and it is 40 x 20 \(width x height\): give a mask of the image's"
    with pytest.raises(InputError, match=told):
        pairs_of(write(folder, {"image": "a.png", "mask": "m.png", "caption": "red"})).draw(0, 1)


def test_a_listing_in_another_encoding_is_named(folder):
    line = '{"image": "a.png", "caption": "a café", "mask": "m.png"}'
    (folder / "pairs.jsonl").write_bytes(line.encode("latin-1"))
    with pytest.raises(InputError, match=r"pairs\.jsonl is not in UTF-8 \(byte 36\): save it so"):
        read_listing(folder)
    # Windows' editors put a mark before it.
    (folder / "pairs.jsonl").write_bytes(line.encode("utf-8-sig"))
    assert read_listing(folder)[0].caption == "a café"


def test_defaults_and_the_share_of_whole_pictures(folder):
    row = {"image": "a.png", "mask": "m.png", "caption": "red", "whole_caption": "red and black"}
    pairs = read_listing(write(folder, row))
    plain = FolderPairs(folder=folder, pairs=pairs, size=16, seed=0)
    assert (plain.whole_share, plain.alpha_kinds) == (0.1, (0.5, 0.1, 0.1, 0.1, 0.1, 0.1))
    whole = dataclasses.replace(plain, whole_share=0.3).draw(0, 200).whole
    assert abs(whole.double().mean().item() - 0.3) < 0.08
    assert plain.texts == ["red", "red and black"]


def test_up_to_five_missing_files_are_named(folder):
    rows = [{"image": f"{i}.png", "caption": "x"} for i in range(6)]
    with pytest.raises(InputError, match=r"there: 0\.png, 1\.png, 2\.png, 3\.png, 4\.png\.$"):
        read_listing(write(folder, *rows[:5]))
    with pytest.raises(InputError, match=r"4\.png and 1 more\.$"):
        read_listing(write(folder, *rows))


def test_lines_are_counted_from_one_and_empty_ones_left_out(folder):
    (folder / "pairs.jsonl").write_text('{"image": "a.png", "caption": "x"}\n\n{')
    with pytest.raises(InputError, match=r"pairs\.jsonl:3: not JSON"):
        read_listing(folder)
    (folder / "pairs.jsonl").write_text('{"image": "a.png", "caption": "x"}\n\n')
    assert len(read_listing(folder)) == 1
