"""Training data of `tiny`'s language head: scenes with what is marked, how it is looked at, and exact answers."""
