"""report: say what lives here."""
