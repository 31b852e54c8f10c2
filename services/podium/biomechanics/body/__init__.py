"""The body in the picture: angles, facing, scale."""
