"""Region-text pairs of plain pictures: settings, and carrying them out."""
