"""Damaged and lying DICOM, and the judge of what is read from it."""
