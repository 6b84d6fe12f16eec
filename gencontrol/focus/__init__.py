"""Focus strategies: how an encoder is made to look."""
