"""The viewer: ES modules for the browser, and the pages that include them."""
