"""The audit's statistics: intervals over seeds and images, extremes told from luck, exact tests."""
