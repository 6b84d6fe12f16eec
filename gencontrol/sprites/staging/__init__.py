"""Sprites put together so that they do something to each other: wear, ride, hold, face; chase, carry, circle."""
