"""What is trained on: region-text pairs of the sprite world or of a folder, and cached latents."""
