"""Finding phrases in pictures: settings, and carrying them out."""
