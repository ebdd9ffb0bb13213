"""FullGrad per group: where detectors look, and whether it differs between groups and arms."""
