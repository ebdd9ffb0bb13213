"""shift: say what lives here."""
