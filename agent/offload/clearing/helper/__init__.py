"""The one process that ever writes to a card, for the length of one removal.

What changes is worked out by a stock tool on a copy of what the file system keeps of itself, in
memory: the tool never gets the card. The copy is listed, and only the bytes that take this one
name away and give its clusters back go to the card, in an order in which a cut at any moment
leaves the file whole or gone, and every other file as it was.
"""
