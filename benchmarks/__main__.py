"""Every benchmark, one after the other."""

from benchmarks.overview import __main__ as overview

overview.main([])
