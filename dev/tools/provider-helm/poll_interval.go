package release

import (
	"time"

	"github.com/crossplane/crossplane-runtime/v2/pkg/resource"
)

// pollInterval returns the interval of looks at a Release: that of its annotation, or --poll.
// provider-helm 1.4 does the same, by crossplane-runtime 2.3:
// https://github.com/crossplane/crossplane-runtime/blob/v2.3.3/pkg/reconciler/managed/reconciler.go
func pollInterval(of resource.Managed, otherwise time.Duration) time.Duration {
	interval, err := time.ParseDuration(of.GetAnnotations()["crossplane.io/poll-interval"])
	if err != nil || interval <= 0 {
		return otherwise
	}
	return interval
}
