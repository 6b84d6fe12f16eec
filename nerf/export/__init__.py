"""Scenes as meshes, films and sheets."""
