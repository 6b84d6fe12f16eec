"""Weights that come with the package."""

from gencontrol.models import registry
from gencontrol.models.shipped import RELATIONS, shipped_folder


def test_folders_are_beside_the_registry() -> None:
    found = shipped_folder(RELATIONS)
    assert found.name == "relations" and (found.parent / "registry.py").samefile(registry.__file__)
