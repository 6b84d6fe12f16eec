"""The training loop that all stages share: resumable, on accelerate."""
