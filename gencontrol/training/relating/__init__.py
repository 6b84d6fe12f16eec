"""Training data of the relation module: staged scenes and clips with what is true of them."""
