"""What resampling prefers: which faces it draws, and whether the choice of faces matters."""
