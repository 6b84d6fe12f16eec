"""The sprite world in the file formats of published data sets."""
