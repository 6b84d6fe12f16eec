"""Pointing: sources to alpha maps, geometry, previews."""
