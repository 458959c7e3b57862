"""What the layers have in common: how one follows another, its version, its watermark."""
