"""Weights of an encoder: built, converted, opened strictly, and saved."""
