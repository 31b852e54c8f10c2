"""One adapter per model family, from the network's tensors to those of the stage."""
