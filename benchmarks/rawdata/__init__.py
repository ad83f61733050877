"""Raw-data archives: built, and brought up to date after one image in a hundred more, against the bare store.

The floors, in the same run and on the same store, by turns with what is measured: a script that reads the same images
and writes them as one object, in parts of 16 MiB with as many on their way as an export worker has; and the store's own
UploadPartCopy of what an update leaves unchanged, in pieces of the worker's size and number. Theirs is no zip, no
directory, no checksum, and nothing that could be gone on with.

Ours is from the request to the gateway until it tells that the archive stands, the list of images included.
"""
