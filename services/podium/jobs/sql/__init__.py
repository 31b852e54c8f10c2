"""The rows of the database; the only package that uses SQLAlchemy."""
