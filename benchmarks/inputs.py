"""Scans made for the benchmarks: sizes of the clinic, noise as a compressor meets it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def ct(n_slices: int) -> Array:
    """Return stored CT values, (k, row, column) uint16: air, a body, a table, noise."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[-1:1:512j, -1:1:512j]
    body = np.where((x / 0.8) ** 2 + (y / 0.6) ** 2 < 1, 1064, 24).astype(np.uint16)
    body[440:450, 100:400] = 900
    noise = rng.integers(0, 24, (8, 512, 512), dtype=np.uint16)
    volume = np.empty((n_slices, 512, 512), np.uint16)
    for k in range(n_slices):
        volume[k] = body + np.roll(noise[k % 8], 17 * k, axis=0) + k
    return volume


def dicom_series(folder: Path, n_slices: int) -> None:
    """Write one file a slice, in an order of names that says nothing, headers as scanners do."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.sequence import Sequence
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = CTImageStorage
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds = Dataset()
    ds.file_meta, ds.preamble = meta, b"\0" * 128
    ds.SOPClassUID, ds.Modality, ds.Manufacturer = CTImageStorage, "CT", "Made up"
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20200102"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "101112.5"
    ds.AccessionNumber, ds.InstitutionName, ds.StationName = "1", "Nowhere", "CT1"
    ds.StudyDescription, ds.SeriesDescription = "CHEST", "Lung 1.0"
    ds.ManufacturerModelName, ds.PatientName, ds.PatientID = "Model", "Phantom^Made", "P1"
    ds.PatientBirthDate, ds.PatientSex, ds.PatientAge = "19600101", "O", "060Y"
    ds.BodyPartExamined, ds.SliceThickness, ds.KVP = "CHEST", 1, 120
    ds.DataCollectionDiameter, ds.SoftwareVersions, ds.ProtocolName = 500, "1", "Chest"
    ds.ReconstructionDiameter, ds.DistanceSourceToDetector = 500, 1085.6
    ds.DistanceSourceToPatient, ds.GantryDetectorTilt, ds.TableHeight = 595, 0, 150
    ds.RotationDirection, ds.ExposureTime, ds.XRayTubeCurrent = "CW", 500, 200
    ds.Exposure, ds.FilterType, ds.GeneratorPower = 100, "FLAT", 24
    ds.FocalSpots, ds.ConvolutionKernel, ds.PatientPosition = 1.2, "B60f", "HFS"
    ds.StudyInstanceUID = generate_uid(entropy_srcs=["study"])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=["series"])
    ds.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame"])
    ds.StudyID, ds.SeriesNumber, ds.AcquisitionNumber = "1", 2, 1
    ds.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.Rows = ds.Columns = 512
    ds.PixelSpacing = [0.9765625, 0.9765625]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 16, 12, 11, 0
    ds.WindowCenter, ds.WindowWidth = [40, -600], [400, 1500]
    ds.RescaleIntercept, ds.RescaleSlope, ds.RescaleType = -1024, 1, "HU"
    referenced = Dataset()
    referenced.ReferencedSOPClassUID = CTImageStorage
    referenced.ReferencedSOPInstanceUID = generate_uid(entropy_srcs=["scout"])
    ds.ReferencedImageSequence = Sequence([referenced])
    block = ds.private_block(0x0019, "MADE UP", create=True)
    for element in range(1, 12):
        block.add_new(element, "LO", f"private {element}")

    names = np.random.default_rng(1).permutation(n_slices)
    for k, pixels in enumerate(ct(n_slices)):
        ds.SOPInstanceUID = meta.MediaStorageSOPInstanceUID = generate_uid(entropy_srcs=[str(k)])
        ds.InstanceNumber = n_slices - k
        ds.ImagePositionPatient = [-249.51171875, -250.0, -553.5 + k]
        ds.SliceLocation = -553.5 + k
        ds.PixelData = pixels.tobytes()
        ds.save_as(folder / f"IM{names[k]:05d}.dcm", enforce_file_format=True)


def nifti(path: Path, data: Array, zooms: tuple[float, ...] = (0.9765625, 0.9765625, 2.0)) -> None:
    """Write int16 voxels, given (…, k, j, i), unscaled; gzip as scanners' exports have it."""
    import nibabel as nib
    from isal import igzip

    image = nib.Nifti1Image(data.T, np.diag([-zooms[0], *zooms[1:3], 1]))
    if path.suffix != ".gz":
        image.to_filename(path)
        return
    with path.open("wb") as raw, igzip.IGzipFile(fileobj=raw, mode="wb", compresslevel=3) as file:
        file.write(image.to_bytes())


def fmri(n_volumes: int) -> Array:
    """Return BOLD-like values, (t, k, j, i) int16."""
    rng = np.random.default_rng(2)
    z, y, x = np.mgrid[-1:1:36j, -1:1:64j, -1:1:64j]
    head = np.where(x**2 + y**2 + z**2 < 0.8, 900, 5).astype(np.int16)
    noise = rng.integers(0, 32, (8, *head.shape), dtype=np.int16)
    return np.stack([head + np.roll(noise[t % 8], t, axis=1) for t in range(n_volumes)])
