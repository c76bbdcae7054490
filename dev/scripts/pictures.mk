# Pictures of the documentation.
.PHONY: pictures picture-dashboard record-dashboard

# Draw docs/images anew: the demo as it is, the plots and tables from dev/bench/measured.
pictures: $(venv_stamp)
	@$(venv_python) -m dev.demo.picture
	@$(venv_python) -m dev.bench.pictures

# Draw docs/images/dashboard.svg by Prometheus over the recorded run.
picture-dashboard: $(venv_stamp) .tools/bin/promtool .tools/bin/prometheus
	@$(venv_python) -m dev.dashboard

# Record the function's metrics anew, which takes eight minutes.
record-dashboard: $(venv_stamp)
	@$(venv_python) -m dev.dashboard.record
