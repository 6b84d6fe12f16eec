"""What the package offers is there, whatever was imported before."""

from types import ModuleType

import gencontrol.guidance


def test_every_export_is_an_object_and_not_a_module_of_its_name() -> None:
    for name in dir(gencontrol.guidance):
        found = getattr(gencontrol.guidance, name)
        assert not isinstance(found, ModuleType), name
