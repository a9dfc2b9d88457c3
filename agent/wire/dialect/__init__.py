"""Control dialects on the wire: frames and fields, bytes to values and back. Pure."""
