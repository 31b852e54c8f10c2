"""One adapter per model family: tensors of the network to what the stage promises."""
