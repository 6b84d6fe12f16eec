"""Alpha-CLIP fine-tuning and the embedded stack, on accelerate."""
