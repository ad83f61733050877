"""Readers and writers of annotation formats: pure functions over streams, no I/O of their own.

A reader takes a seekable binary stream and yields what it finds: a `ParsedLabel` for each image, a
`ParseError` for each thing that is wrong. Bad content never makes it raise, and never makes it stop where the
rest can still be read; only the stream itself failing does.

Writers share one interface, `formats.writing.Writer`; `formats.writers.WRITERS` has the class of each format. An export
is made of a snapshot's parts (labels in the native form, joined by commas) like this:

1. `writer = WRITERS["coco"](project, options)`. If `writer.surveys`, first read all parts once: `survey = Survey()`,
   `survey.take(native.labels(part))` for each part in its order. If `writer.archive`, put into `survey.ambiguous` the
   (dataset, data key) pairs of labels that another label equals in dataset and data key but for extension and letter
   case (a query of the snapshot's own transaction knows them; there are hardly ever any). Then
   `WRITERS["coco"](project, options, survey)`. Project, options and survey are all that a worker needs to know to make
   the same writer.
2. Each part, anywhere and in any order: `gather(writer, native.labels(part), Offsets(labels, objects))` with the
   numbers of labels and objects in the parts before, as the manifest counts them. It answers whole `files`, the
   `images` that belong beside them, `pieces` of documents that all parts write together, and a `report`. The same part
   gives the same bytes. Where `writer.verbatim`, the part itself is the piece and need not be read.
3. In the end: `document(each, pieces)` for each of `writer.documents()`, with the pieces of each of its sections in the
   order of the parts; `writer.files()`, which no part brings; reports added up with `+=`. If `writer.archive`, all
   that, files and images is a zip, under the paths that are given (safe and unique); else the only document is the
   export, with the file name extension `writer.extension`.

In memory at a time: `Writer.part` holds one label, `gather` what it makes of one part. Nothing holds an export.
"""
