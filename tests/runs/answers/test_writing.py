"""Files of answers."""

import csv
import json
import os
from dataclasses import asdict
from pathlib import Path

from gencontrol.runs.answers.carrying_out import Answer, write_answers

ROWS = [
    Answer(image="caf\udce9.png", region="Tür", question="what is it?", answer="a door, red"),
    Answer(image="b.png", region="2", question="describe it", answer="two\nlines"),
]


def test_json_is_in_utf_8_whatever_files_are_called(tmp_path: Path) -> None:
    write_answers(tmp_path / "a.json", ROWS)
    content = (tmp_path / "a.json").read_bytes()
    assert json.loads(content.decode("utf-8")) == [asdict(row) for row in ROWS] and "Tür".encode() in content


def test_a_table_has_the_very_names(tmp_path: Path) -> None:
    write_answers(tmp_path / "a.csv", ROWS)
    text = (tmp_path / "a.csv").read_bytes()
    assert os.fsencode("caf\udce9.png") in text and text.endswith(b'"two\nlines"\n')
    lines = text.decode("utf-8", "surrogateescape").splitlines()
    assert list(csv.DictReader([lines[0], lines[1]])) == [asdict(ROWS[0])]
