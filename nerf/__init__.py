"""The nerfstudio method `alphaclip-nerf`."""
