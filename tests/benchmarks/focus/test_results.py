"""What is finished stays, and is not mixed with what was measured otherwise."""

from pathlib import Path

import pytest

from benchmarks.focus.results import Results, digests
from gencontrol.errors import InputError


class TestResults:
    def test_what_is_finished_stays(self, tmp_path: Path) -> None:
        path = tmp_path / "focus.json"
        results = Results(path, "recognition", {"scenes": 10, "rows": ("a", "b")})
        results.put("plain/1", {"top1": 0.5})
        Results(path, "variation", {"steps": 4}).put("alpha/0", {"masked": [1]})
        again = Results(path, "recognition", {"scenes": 10, "rows": ("a", "b")})
        assert again.records == {"plain/1": {"top1": 0.5}}
        assert Results(path, "variation").settings == {"steps": 4}
        assert Results(tmp_path / "none.json", "variation").records == {}

    def test_rows_measured_otherwise_are_not_mixed(self, tmp_path: Path) -> None:
        path = tmp_path / "focus.json"
        Results(path, "recognition", {"scenes": 10, "seed": 0}).put("plain/1", {"top1": 0.5})
        with pytest.raises(InputError, match="measured with another scenes: name another --output"):
            Results(path, "recognition", {"scenes": 11, "seed": 0})
        path.write_text("[]")
        with pytest.raises(InputError, match="not a file that this benchmark wrote"):
            Results(path, "recognition", {})

    def test_digests_tell_weights_apart(self, tmp_path: Path) -> None:
        (tmp_path / "clip").mkdir()
        (tmp_path / "clip" / "model.safetensors").write_bytes(b"1")
        before = digests(tmp_path, ("clip", "unet"))
        (tmp_path / "clip" / "model.safetensors").write_bytes(b"2")
        after = digests(tmp_path, ("clip", "unet"))
        assert list(before) == ["clip/model.safetensors"] and before != after
