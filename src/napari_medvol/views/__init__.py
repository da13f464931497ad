"""Volume to picture, number or row. Pure: no Qt, no napari."""
