"""Running an import: `source` reads its file, `examination` finds what of it is good, `work` applies that.

The file is read at least twice, a label at a time, so memory does not grow with it. The survey counts its labels and
finds its classes; with `all_or_nothing` it also examines everything, and any fault ends the import there. Then the
labels are applied in chunks. With `keep_good` each chunk is a transaction that also moves the import's `done`, so
whoever finds the import half done goes on behind it; with `all_or_nothing` all chunks are one transaction.

What an import makes of a label: its objects become those of the file, and so do the answers to image categories, where
the format has any. Ids of objects are those of the file where this system wrote them there; else they follow from the
object's place in the file. So the same file again changes nothing: a label that has just these objects gets no new
version, whatever has happened to it since. Otherwise only labels in progress take an import; one that was
submitted, skipped or approved is reported as `illegal_transition`. A file with objects of which none is good leaves
its label alone, instead of emptying it.
"""
