"""What an export says of itself."""

from pathlib import Path

from gencontrol.sprites.catalog import SPRITE_SETS, credit_lines
from gencontrol.training.loop.settings import RunConfig
from gencontrol.training.stages.proposing.card import write_card


def test_a_card_states_licence_command_and_whose_drawings(tmp_path: Path) -> None:
    write_card(tmp_path, "segmenter", RunConfig(steps=70, batch=64, seed=3))
    card = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert card.startswith("---\nlicense: cc-by-4.0\n---\n# gencontrol: segmenter\n")
    assert "`gencontrol train segmenter`, seed 3: 70 steps of 64 samples" in card
    # What training never sees is not credited.
    assert card.endswith(credit_lines() + "\n")
    for one in SPRITE_SETS:
        assert (f"- {one.credit} ({one.licence}, {one.package} {one.version})" in card) != one.held_out
