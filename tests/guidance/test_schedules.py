"""The earlier place of schedules still has their names."""

import gencontrol.guidance
import gencontrol.guidance.schedules as earlier
import gencontrol.schedules


def test_the_earlier_place_has_the_same_objects() -> None:
    for name in earlier.__all__:
        assert getattr(earlier, name) is getattr(gencontrol.schedules, name)
    for name in ("Schedule", "as_schedule", "constant", "value_at"):
        assert getattr(gencontrol.guidance, name) is getattr(earlier, name)
