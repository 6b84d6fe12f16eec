"""LLaVA-1.5 with an alpha channel: captions of a part of a picture, and questions about it."""
