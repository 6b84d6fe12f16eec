"""The encoder: build, convert, load, save, preprocess."""
