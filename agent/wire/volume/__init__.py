"""What the boot sectors and directory entries of FAT and exFAT say. Pure, and small on purpose:
directories and cluster chains are The Sleuth Kit's work, in a process of its own.
"""
