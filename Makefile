# Two commands for a newcomer: `make demo` runs the main job, `make test` the tests. Each makes what it needs.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready
MEMBERS := core plugins/quantize plugins/reference plugins/qnn_cpu plugins/qnn_runtime plugins/qnn_gpu plugins/qnn_htp plugins/caffe plugins/sweep
EDITABLE := $(foreach member,$(wildcard $(addsuffix /pyproject.toml,$(MEMBERS))),-e $(patsubst %/pyproject.toml,%,$(member)))

PY ?=
ALL ?=

.PHONY: demo test test-all test-oldest test-newest lint format bench fit docs clean check check-rknn matrix fuzz soak soak-many

demo: $(READY)  ## a real model on a real picture, split over two backends
	$(BIN)/python examples/demo.py

test: $(READY)  ## everything that is quick, and a fair sample of what is slow
	$(BIN)/python -m pytest -n 2 --dist worksteal -m "not slow"

test-all: $(READY)  ## all tests, the slow ones included
	$(BIN)/python -m pytest -n 2 --dist worksteal

test-oldest test-newest: test-%: $(READY)  ## tests beside the oldest or newest packages; PY=3.12 and ALL=1 if you like
	$(BIN)/python tools/ranges.py $* $(if $(PY),--python $(PY)) $(if $(ALL),--all)

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY)  ## every benchmark, by hand: prints ratios from one run
	for file in benchmarks/*.py; do echo "== $$file"; $(BIN)/python $$file || exit 1; done

check: $(READY)  ## the conformance kit on every first-party backend, with its own known failures
	mkdir -p out/check
	for name in reference qnn_cpu; do \
		$(BIN)/zif check $$name --known plugins/$$name/pyproject.toml --outcome out/check/$$name.json || exit 1; done
	for name in qnn_gpu qnn_htp; do $(BIN)/zif check $$name --target snapdragon-8-gen-3 \
		--known plugins/$$name/pyproject.toml --outcome out/check/$$name.json || exit 1; done

check-rknn: $(READY)  ## the same for Rockchip's, where an environment has it (docs/rockchip.md); SAMPLE=1 is a tenth of it
	mkdir -p out/check
	$(BIN)/zif check rknn --target rk3588 --known plugins/rockchip/pyproject.toml --outcome out/check/rknn.json \
		$(if $(SAMPLE),--sample $(SAMPLE))

matrix: $(READY)  ## docs/matrix.md: what runs where, from the outcomes of `make check`, and of `check-rknn` where there is one
	$(BIN)/python -m tools.matrix $(wildcard $(foreach name,reference qnn_cpu qnn_gpu qnn_htp rknn,out/check/$(name).json)) \
		> docs/matrix.md

docs: $(READY)  ## the documents as a site, links checked
	$(BIN)/python -m mkdocs build --strict

soak: $(READY)  ## hours in the life of a host: threads, shapes, killed workers; MINUTES=, SEED=, CHIP=
	$(BIN)/python -m tools.soak $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(if $(CHIP),--chip $(CHIP))

soak-many: $(READY)  ## 24 threads over 8 sessions that come and go, and a host that is killed; MINUTES=, SEED=
	$(BIN)/python -m tools.soak_many $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED))

fuzz: $(READY)  ## hostile input through every command; SEED=, CASE=, COUNT=, MINUTES=, CAMPAIGN=, SAVE=FOLDER, FAULTS=1
	$(BIN)/python -m tools.fuzz $(if $(SEED),--seed $(SEED)) $(if $(CASE),--case $(CASE)) $(if $(COUNT),--count $(COUNT)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(CAMPAIGN),--campaign $(CAMPAIGN)) $(if $(SAVE),--save $(SAVE)) $(if $(FAULTS),--faults)

fit: $(READY)  ## costs.json from measured latencies, cross-validated: minutes; see docs/decisions/0006
	$(BIN)/python -m benchmarks.fit --write --chips

$(READY): pyproject.toml constraints.txt $(wildcard core/pyproject.toml plugins/*/pyproject.toml)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check 'uv==0.13.9'
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --group dev $(EDITABLE)
	touch $(READY)

clean:
	rm -rf .venv .venv-* .zoo out build dist
