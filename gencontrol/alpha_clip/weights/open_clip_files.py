"""The files of a folder that OpenCLIP opens as `local-dir:FOLDER`."""

CONFIG = "open_clip_config.json"
"""Settings: `model_cfg` and `preprocess_cfg`."""
WEIGHTS = "open_clip_model.safetensors"
"""A state dict of both towers."""
