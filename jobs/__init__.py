"""Programs that run on a host as Jobs, hooks or Deployments, and their shared modules."""
