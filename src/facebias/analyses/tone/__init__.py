"""tone: say what lives here."""
