"""core: say what lives here."""
