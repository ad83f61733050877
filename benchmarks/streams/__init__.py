"""Whether live streams cost the API its pace: its answers with no stream, and with as many as a gateway holds.

`python -m benchmarks.streams` brings up a system of its own with its default limits. Rounds in any order: nobody
watches; the gateway is full of streams; it is full, and more try to get in all the time and are refused.
"""
