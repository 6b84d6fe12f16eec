"""The web page, and the server that keeps a model open for it and for the command line."""
