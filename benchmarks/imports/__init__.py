"""Imports from the command line, small and large, against storing the same files bare.

The floor, in the same run: the same images put into the same object store by eight threads, with nothing registered,
verified, labeled or reported. Memory is each process's peak (VmHWM), which must not grow with the number of images.
"""
