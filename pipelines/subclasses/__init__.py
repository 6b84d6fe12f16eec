"""Stock diffusers classes with regions, each under the stock class's own name: where that lacks an argument."""
