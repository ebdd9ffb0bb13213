"""saliency: say what lives here."""
