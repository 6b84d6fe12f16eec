"""The nerfstudio method: `speed`, and what `steering` does to a scene."""
