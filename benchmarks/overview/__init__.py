"""How much the Projects Overview costs beyond the four RPCs it is made of, and whether it stays flat.

`python -m benchmarks.overview` brings up a system of its own, loads projects of several sizes, and asks one gateway
process for the overview and for two floors, in any order: the same four questions with next to nothing around them,
and four questions that are answered with nothing (see `app`).
"""
