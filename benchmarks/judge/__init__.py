"""The judge, a network that names pictures; its trained weights lie beside its code."""
