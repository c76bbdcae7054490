{{/* Labels that select the pods. */}}
{{- define "vcluster-clock.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/*
Metadata of every object. The name is not the release's: Helm refuses a second release, and the logs
are easy to find.
*/}}
{{- define "vcluster-clock.clusterMetadata" -}}
name: {{ .Chart.Name }}
labels:
  {{- include "vcluster-clock.selector" . | nindent 2 }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  app.kubernetes.io/version: {{ .Chart.Version | replace "+" "_" | quote }}
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}
{{- define "vcluster-clock.metadata" -}}
namespace: {{ .Release.Namespace | quote }}
{{ include "vcluster-clock.clusterMetadata" . }}
{{- end }}
