"""Differentiable scores: embeddings in, unreduced losses out."""
