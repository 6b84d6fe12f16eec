"""Parts of a scene: shapes, lists of what is steered, masks lifted into the volume."""
