"""Every benchmark, one after the other."""

from benchmarks.backbone import __main__ as backbone
from benchmarks.imports import __main__ as imports
from benchmarks.live import __main__ as live
from benchmarks.overview import __main__ as overview

for benchmark in (overview, live, backbone, imports):
    benchmark.main([])
