"""How much the Projects Overview costs beyond the four RPCs it is made of, and whether it stays flat.

`python -m benchmarks.overview` brings up a system of its own, loads projects of several sizes, and asks one gateway
process in turn for the overview and for the floor: the same four RPCs, answered with a few bytes (see `app`).
"""
