"""Every benchmark, one after the other."""

from benchmarks.imports import __main__ as imports
from benchmarks.overview import __main__ as overview

overview.main([])
imports.main([])
