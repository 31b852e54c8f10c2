"""A browser for the tests of the viewer."""

from tests.support.browsers import browser, page

__all__ = ["browser", "page"]
