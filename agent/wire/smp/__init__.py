"""Codecs for SMP, the Simple Management Protocol of MCUmgr, on a serial console.

Facts are cited as "SMP", the SMP protocol, transport and group specifications in the Zephyr
project's documentation (services/device_mgmt), and RFC 8949 (CBOR). Decoders raise
`agent.errors.Malformed` for whatever breaks its format, whatever the bytes are.
"""
