"""What an Alpha-CLIP learns from pairs that were made automatically, beside exact ones."""
