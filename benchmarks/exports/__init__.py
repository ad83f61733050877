"""Label exports, small and large: speed against a bare script, memory of the workers, two of them against one.

The floor, in the same run: one COPY of the same documents, streamed into a multipart upload, with no snapshot, part,
checksum or state. Memory is each worker's peak (VmHWM), which must not grow with the number of labels. For two workers
against one, each is held to a share of a processor (`held`), so that neither the processors of the machine nor the
servers on it are what limits them.
"""
