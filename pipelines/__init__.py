"""Diffusers hosts that take a region-focused embedding."""
