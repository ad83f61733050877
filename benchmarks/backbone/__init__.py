"""How fast events travel: relay and projector, each against the bare work that it is made of, in the same run.

`python -m benchmarks.backbone` brings up a system of its own and, with its own relay and projector stopped, moves the
same events (one label's new state each) by

- bare pipelined publishing to a quorum queue, persistent and confirmed; then the product's relay out of the outbox;
- bare consuming and acknowledging; then the product's consumer with the projector's own subscription;
- a bare upsert of the same label rows, in batches of the same size and a commit each.

Then, with everything running, one transaction changes 100,000 labels, and the overview is watched until it says so.
"""
