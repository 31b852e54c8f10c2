"""Bodies that are read as they come in and never held whole."""
