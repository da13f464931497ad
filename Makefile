# People and CI run the same words. A clean clone needs Python >= 3.11, make and git.
PYTHON ?= python3
BIN := $(if $(filter Windows_NT,$(OS)),.venv/Scripts,.venv/bin)
# Without a screen napari draws on a virtual one: Qt's offscreen platform has no OpenGL.
SCREEN := $(if $(filter Linux,$(shell uname -s)),$(if $(DISPLAY),,xvfb-run -a -s "-screen 0 1920x1080x24"))

.PHONY: demo test check bench pictures clean
demo: .venv/.complete   ## open a made-up scan in napari; SCAN=path opens that instead
	$(SCREEN) $(BIN)/python tools/demo.py $(if $(SCREEN),--picture demo.png) $(if $(SCAN),"$(SCAN)")
test: .venv/.complete   ## everything pytest knows; ARGS="-k crop" for less
	$(SCREEN) $(BIN)/python -m pytest -n auto --maxprocesses 4 $(ARGS)
check: .venv/.complete  ## what must hold before a commit, tests aside
	$(BIN)/ruff check && $(BIN)/ruff format --check && $(BIN)/mypy && $(BIN)/lint-imports
	$(BIN)/codespell README.md CHANGELOG.md CONTRIBUTING.md Makefile pyproject.toml napari.yaml docs src tests tools benchmarks
	$(BIN)/validate-pyproject pyproject.toml && $(BIN)/npe2 validate --imports napari-medvol
bench: .venv/.complete  ## ratios against the best peers; ARGS="--only 5"
	$(BIN)/python benchmarks/run.py $(ARGS)
pictures: .venv/.complete  ## draw the pictures of docs/ anew; needs the real scans
	$(BIN)/python tools/pictures.py
	$(SCREEN) $(BIN)/python tools/overlay_picture.py
	$(SCREEN) $(BIN)/python tools/course_pictures.py
clean:                  ## forget the environment and what was built
	rm -rf .venv dist build demo.png .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
.venv/.complete: pyproject.toml hatch_build.py tools/environment.py
	$(PYTHON) tools/environment.py
