"""Published measurements on a data set's own files: settings, and carrying them out."""
