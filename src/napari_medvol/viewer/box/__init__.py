"""The crop box that is dragged on the canvases: no layer, so that nothing lists or saves it."""
