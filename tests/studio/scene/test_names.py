"""Names that visitors give, as names of files."""

import pytest

from gencontrol.studio.scene.names import safe_name


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo.png", "photo.png"),
        ("../../etc/passwd", "passwd"),
        ("C:\\pictures\\my photo.JPG", "my-photo.JPG"),
        ("-rf.png", "rf.png"),
        (".hidden", "hidden"),
        ("$(touch x);'\"\n.png", "touch-x-.png"),
        ("", "picture"),
        ("..", "picture"),
        ("a" * 200 + ".png", "a" * 76 + ".png"),
        ("каша.png", "каша.png"),
    ],
)
def test_a_name_has_no_folder_and_nothing_that_a_shell_minds(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_what_stands_for_no_name_can_be_said() -> None:
    assert safe_name("///", otherwise="region") == "region"
