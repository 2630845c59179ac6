"""Genotypes in: whose they are, what they are facts about, quality control, and landing beside the clinical forms."""
