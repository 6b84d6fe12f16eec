"""Runs whose host takes parts of reference pictures beside a prompt."""
