"""training: say what lives here."""
