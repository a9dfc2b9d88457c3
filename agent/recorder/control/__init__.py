"""One small interpreter for all control dialects; what they say lies in the profiles."""
