"""pictures: say what lives here."""
