"""The earlier place of `gencontrol.schedules`; names are re-exported from here until version 0.2."""

from gencontrol.schedules import Curve, Schedule, as_schedule, constant, value_at

__all__ = ["Curve", "Schedule", "as_schedule", "constant", "value_at"]
