"""Why something failed, in words."""

import pytest

from gencontrol.errors import reason_of


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NotADirectoryError(20, "Not a directory", "a/b"), "Not a directory"),
        (OSError("no number"), "no number"),
        (RecursionError("maximum recursion depth exceeded"), "it is nested too deeply"),
        (KeyError("added_tokens"), "it has no 'added_tokens'"),
        (KeyError(), ""),
        (ValueError("it is cut off"), "it is cut off"),
        (ValueError("Cannot load file containing pickled data when allow_pickle=False"), "it holds no plain arrays"),
    ],
)
def test_reasons_are_without_numbers_paths_and_unsafe_advice(error: Exception, said: str) -> None:
    assert reason_of(error) == said


def test_weights_that_cannot_be_loaded_have_the_reason_of_what_came_first() -> None:
    with pytest.raises(OSError, match=r"^Unable") as caught:
        try:
            raise ValueError("the header is cut off")
        except ValueError:
            raise OSError("Unable to load weights from checkpoint file for 'a' at 'a'.")  # noqa: B904
    assert reason_of(caught.value) == "the header is cut off"
