"""The table of reference hosts says what their records say."""

from dataclasses import replace
from pathlib import Path

import pytest

from gencontrol.pipelines.hosts.inpainting import INPAINTING_HOSTS
from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.runs.references.table import (
    FETCHED_HEADER,
    HEADER,
    fetched_rows,
    reference_records,
    reference_row,
    reference_rows,
    restrictions,
    state_of,
)


def test_a_row_is_the_record_in_words() -> None:
    host = REFERENCE_HOSTS["kandinsky-2.2"]
    said = dict(zip(HEADER, reference_row(host), strict=True))
    assert said["stock call"] == "KandinskyV22Pipeline" and said["encoder"] == "ViT-bigG/14"
    assert (said["takes"], said["without a picture"]) == ("one embedding", "zero pixels")
    assert (said["canvas, weight, steps"], said["several"]) == ("weight, steps", "no; outputs: rows")
    assert (said["licence"], said["tests run it"]) == ("Apache-2.0", "small")
    assert said["a part is shown by"] == "any focus"
    none = dict(zip(HEADER, reference_row(replace(host, weights=False, schedules=False)), strict=True))
    assert none["canvas, weight, steps"] == "none"


def test_every_host_has_a_row_and_a_record() -> None:
    assert [row[0] for row in reference_rows()] == list(REFERENCE_HOSTS) == [r["name"] for r in reference_records()]
    assert all(len(row) == len(HEADER) for row in reference_rows())


def test_what_tests_run_at_real_shape_is_said_of_these_alone() -> None:
    kinds = ("shape", "widths")
    proven = {kind: {name for name, host in REFERENCE_HOSTS.items() if host.proven == kind} for kind in kinds}
    assert proven == {"shape": {"sd15-ip-plus", "sdxl-ip-plus"}, "widths": {"flux-ip", "flux-redux"}}


def test_an_adapters_licence_comes_before_its_bases() -> None:
    assert dict(zip(HEADER, reference_row(REFERENCE_HOSTS["kolors-ip-plus"]), strict=True))["licence"] == "Apache-2.0"


def test_restrictions_of_adapter_and_base_are_said_once() -> None:
    lines = restrictions()
    assert "kolors-ip-plus: commercial use of Kolors needs a registration with its authors" in lines
    assert lines.count("flux-ip: FLUX.1 [dev] is for non-commercial use") == 1
    assert not any(line.startswith(("sd15", "sdxl", "karlo", "flux2-klein")) for line in lines)


def test_what_each_host_fetches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    rows = {row[0]: dict(zip(FETCHED_HEADER, row, strict=True)) for row in fetched_rows()}
    assert list(rows) == list(REFERENCE_HOSTS)
    kolors = rows["kolors-ip-plus"]
    assert (kolors["licence"], kolors["size"]) == ("Apache-2.0 / Kolors model licence", "20.6 GB")
    assert kolors["fetched from"] == "Kwai-Kolors/Kolors-diffusers, Kwai-Kolors/Kolors-IP-Adapter-Plus"
    assert (rows["karlo"]["size"], rows["karlo"]["state"]) == ("not known", "not here")
    assert rows["flux2-klein"]["licence"] == "Apache-2.0"


def test_a_host_some_of_whose_parts_are_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    host = REFERENCE_HOSTS["sd15-ip"]
    assert host.adapter is not None and host.adapter.file is not None
    repository = tmp_path / "models--h94--IP-Adapter"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text("0" * 40)
    file = repository / "snapshots" / ("0" * 40) / host.adapter.file
    file.parent.mkdir(parents=True)
    file.touch()
    assert state_of(host) == "partly cached" and state_of(REFERENCE_HOSTS["sd15-ip-plus"]) == "not here"
    here = replace(host, base=replace(host.base, repository="h94/IP-Adapter"), tower=None)
    assert state_of(here) == "partly cached"
    (file.parents[1] / "model_index.json").write_text("{}")
    assert state_of(here) == "cached"


def test_models_that_paint_into_holes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
    rows = {row[0]: dict(zip(FETCHED_HEADER, row, strict=True)) for row in fetched_rows(INPAINTING_HOSTS)}
    assert list(rows) == list(INPAINTING_HOSTS) == [r["name"] for r in reference_records(INPAINTING_HOSTS)]
    plus = rows["sd15-ip-plus"]
    assert plus["fetched from"] == "stable-diffusion-v1-5/stable-diffusion-inpainting, h94/IP-Adapter"
    assert (plus["size"], plus["licence"]) == ("5.4 GB", "Apache-2.0 / CreativeML OpenRAIL-M")
    lines = restrictions(INPAINTING_HOSTS)
    assert lines.count("flux-fill: FLUX.1 [dev] is for non-commercial use") == 1
    assert all(line.startswith("flux") for line in lines)
