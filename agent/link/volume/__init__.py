"""Volumes read without mounting: a read-only descriptor here, the library that parses them in a
child process with limits, since it reads hostile bytes.
"""
