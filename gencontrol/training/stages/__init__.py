"""What is trained: CLIP, Alpha-CLIP, the autoencoder, the denoiser; and their results put together."""
