"""Clearing: the only code that deletes anything from a recorder.

`rule` says for each clip whether it may go and, if not, every reason that stands. `clear` is the
procedure in a session. What is deleted is one object at a time, by an `eraser`.
"""
