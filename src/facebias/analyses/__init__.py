"""analyses: say what lives here."""
