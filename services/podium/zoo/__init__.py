"""Published weights: where they are, how they are pulled and converted."""
