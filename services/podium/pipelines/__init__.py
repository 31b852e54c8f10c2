"""The pipeline engine: composes the stages; knows no HTTP."""
