"""What `tiny` finds parts with: a grounder and a segmenter of the real classes, trained in the sprite world."""
