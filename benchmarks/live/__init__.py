"""How soon a submitted label moves the chart, under load, and what the way costs.

`python -m benchmarks.live` brings up a system of its own. Programs submit labels through the REST API at a steady
rate; another reads the live streams of the same projects. The n-th answer that a project's submits got is set
against the first message of each of its streams that counts n. Beside it: the overview under that load, how many
submits eight clients get through without a pause, the processor time of each process, and as a floor the two
messages that a change takes through the broker, bare (`floor`), in the same run.
"""
