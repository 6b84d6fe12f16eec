"""Cameras, their rays, and rendering along them."""
