"""The sprite world: the data set that the embedded models learn from."""
