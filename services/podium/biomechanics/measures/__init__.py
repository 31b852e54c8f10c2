"""What is reported of a movement; one file per group of measures.

Every file of this package is imported here, so that a new one registers itself.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
