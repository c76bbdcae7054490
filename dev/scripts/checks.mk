# Checks that need a program of their own, and Crossplane's own view of an example.
.PHONY: lint-dockerfile lint-workflows lint-monitoring render validate soak

# Check the Dockerfile.
lint-dockerfile: .tools/hadolint/complete
	.tools/hadolint/bin/hadolint Dockerfile

# Check the workflows.
lint-workflows: $(venv_stamp) .tools/bin/actionlint
	.tools/bin/actionlint -shellcheck= -pyflakes=
	.venv/bin/zizmor --offline --quiet --persona=pedantic .github

# Check alerts by Prometheus itself, and that no panel of the dashboard is empty.
lint-monitoring: $(venv_stamp) .tools/bin/promtool .tools/bin/prometheus
	@$(venv_python) -m dev.scripts.alerts
	@$(venv_python) -m dev.dashboard --check

# Render an example by Crossplane: EXAMPLE=kunde1 [STATE=ready].
render: $(venv_stamp) $(core_tools)
	@$(venv_python) -m dev.scripts.render $(EXAMPLE) $(STATE)

# Check all examples against the real schemas.
validate: $(venv_stamp) $(core_tools) .tools/crds.complete
	@$(venv_python) -m dev.scripts.validate

# Hours of accidents are found sooner with other seeds: SOAK_SEED=2 make soak.
MINUTES = 30
# Kill and change at random on it: [LOCAL=dev] [MINUTES=30].
soak: up
	@E2E='$(LOCAL)' SOAK_MINUTES='$(MINUTES)' $(venv_python) -m pytest tests/e2e/test_soak.py
