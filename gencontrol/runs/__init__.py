"""A run from plan to files, without parsing: plan, draw, repeat, records, outputs, devices."""
