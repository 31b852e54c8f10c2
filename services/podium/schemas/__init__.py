"""Every public JSON document, as pydantic models."""
