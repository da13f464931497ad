"""What all writers share: numbers to store, files that appear whole, and the proof."""
