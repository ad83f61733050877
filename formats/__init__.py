"""Readers and writers of annotation formats: pure functions over streams, no I/O of their own.

A reader takes a seekable binary stream and yields what it finds: a `ParsedLabel` for each image, a
`ParseError` for each thing that is wrong. Bad content never makes it raise, and never makes it stop where the
rest can still be read; only the stream itself failing does.
"""
