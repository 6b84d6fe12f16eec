"""Files of labels, and ImageNet's."""

from pathlib import Path

import pytest

from gencontrol.errors import InputError
from gencontrol.tasks.labels import check_labels, imagenet_labels, read_labels


def test_a_file_holds_one_on_each_line(tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text("\ufeffred ball\n\n  blue \t car \r\nmoon", encoding="utf-8")
    assert read_labels(path) == ("red ball", "blue car", "moon")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "holds no label: expected one on each line"),
        (" \n\n", "holds no label"),
        ("cat\ndog\n\nCat\n", "'Cat' stands in line 1 and again in line 4"),
    ],
)
def test_files_that_cannot_be_used(text: str, message: str, tmp_path: Path) -> None:
    path = tmp_path / "names.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=message):
        read_labels(path)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"No file at .*; expected a file with a label on each line"):
        read_labels(tmp_path / "names.txt")


def test_imagenets_names_are_all_different() -> None:
    labels = imagenet_labels()
    assert len(labels) == len(set(labels)) == 998
    assert labels[0] == "tench" and labels[-1] == "toilet paper" and labels.count("missile") == 1
    check_labels(labels)


@pytest.mark.parametrize(
    ("labels", "message"),
    [((), "at least one"), (("cat", " "), "one is empty"), (("a  cat", "dog", "A cat"), "'a  cat' is given twice")],
)
def test_labels_that_cannot_be_used(labels: tuple[str, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_labels(labels)
