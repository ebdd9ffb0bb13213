"""stats: say what lives here."""
