"""What everybody may import and which imports nobody of ours: settings, files, words, errors. No torch."""
