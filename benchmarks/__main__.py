"""Every benchmark, one after the other."""

from benchmarks.backbone import __main__ as backbone
from benchmarks.exports import __main__ as exports
from benchmarks.imports import __main__ as imports
from benchmarks.labels import __main__ as labels
from benchmarks.live import __main__ as live
from benchmarks.overview import __main__ as overview
from benchmarks.rawdata import __main__ as rawdata
from benchmarks.streams import __main__ as streams

for benchmark in (overview, live, streams, backbone, imports, exports, rawdata, labels):
    benchmark.main([])
