"""The seventh service: jobs, uploads and the objects around them over HTTP."""
