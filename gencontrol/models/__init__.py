"""The registry of presets, and the embedded weights."""
