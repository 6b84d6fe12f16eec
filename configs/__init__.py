"""YAML presets: values only."""
