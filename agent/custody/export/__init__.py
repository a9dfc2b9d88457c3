"""Export: chosen clips as a BagIt bag (RFC 8493) that an outsider checks with stock tools."""
