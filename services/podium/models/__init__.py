"""Models: manifests, the repository, one adapter per model family."""
