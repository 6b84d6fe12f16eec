"""Editing one part of a photograph: a window is cut, painted at the model's size, and put back with all else equal."""
