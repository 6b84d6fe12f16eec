"""Captions of regions and answers about them: settings, and carrying them out."""
