"""Classifying regions among labels: settings, and carrying them out."""
