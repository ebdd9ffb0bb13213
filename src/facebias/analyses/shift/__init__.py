"""Domain shift told apart from bias: recall and gaps as framing, light and sharpness change."""
