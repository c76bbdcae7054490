"""The Grafana dashboard over a recorded run, evaluated by the real Prometheus."""
