"""mechanism: say what lives here."""
