"""PTP and MTP on the wire: bytes to values and back, with no port and no clock.

Sources: PIMA 15740:2000 (PTP), its USB mapping in the USB Still Image Capture Device Definition
1.0, and Media Transfer Protocol 1.1 (USB-IF, 2011). Everything is little-endian. Decoders give
frozen values or raise `agent.errors.Malformed`; what they build is bounded by the bytes they are
given, never by a length or a count that those bytes declare.
"""
