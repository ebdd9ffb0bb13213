"""cli: say what lives here."""
