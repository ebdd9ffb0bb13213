"""data: say what lives here."""
