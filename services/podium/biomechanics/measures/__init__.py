"""The reported measures of a movement; one file per group.

Every file of this package is imported here, so that new ones are registered automatically.
"""

from importlib import import_module
from pkgutil import iter_modules

for _module in iter_modules(__path__):
    import_module(f"{__name__}.{_module.name}")
