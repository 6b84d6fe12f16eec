"""The table of reference hosts says what their records say."""

from dataclasses import replace

from gencontrol.pipelines.hosts.reference_registry import REFERENCE_HOSTS
from gencontrol.runs.references.table import HEADER, reference_records, reference_row, reference_rows, restrictions


def test_a_row_is_the_record_in_words() -> None:
    host = REFERENCE_HOSTS["kandinsky-2.2"]
    said = dict(zip(HEADER, reference_row(host), strict=True))
    assert said["stock call"] == "KandinskyV22Pipeline" and said["encoder"] == "ViT-bigG/14"
    assert (said["takes"], said["without a picture"]) == ("one embedding", "zero pixels")
    assert (said["canvas, weight, steps"], said["several"]) == ("weight, steps", "no; outputs: rows")
    assert said["licence"] == "Apache-2.0"
    none = dict(zip(HEADER, reference_row(replace(host, weights=False, schedules=False)), strict=True))
    assert none["canvas, weight, steps"] == "none"


def test_every_host_has_a_row_and_a_record() -> None:
    assert [row[0] for row in reference_rows()] == list(REFERENCE_HOSTS) == [r["name"] for r in reference_records()]
    assert all(len(row) == len(HEADER) for row in reference_rows())


def test_an_adapters_licence_comes_before_its_bases() -> None:
    assert dict(zip(HEADER, reference_row(REFERENCE_HOSTS["kolors-ip-plus"]), strict=True))["licence"] == "Apache-2.0"


def test_restrictions_of_adapter_and_base_are_said_once() -> None:
    lines = restrictions()
    assert "kolors-ip-plus: commercial use of Kolors needs a registration with its authors" in lines
    assert lines.count("flux-ip: FLUX.1 [dev] is for non-commercial use") == 1
    assert not any(line.startswith(("sd15", "sdxl", "karlo", "flux2-klein")) for line in lines)
