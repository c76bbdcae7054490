{{/* Labels that select the pods. */}}
{{- define "vcluster-rancher-watch.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name | quote }}
{{- end }}

{{/*
Metadata of every object. The name is not the release's: a second release in the same namespace is
refused by Helm, and nobody has to look for the logs.
*/}}
{{- define "vcluster-rancher-watch.metadata" -}}
name: {{ .Chart.Name }}
namespace: {{ .Release.Namespace | quote }}
labels:
  {{- include "vcluster-rancher-watch.selector" . | nindent 2 }}
  app.kubernetes.io/managed-by: {{ .Release.Service }}
  app.kubernetes.io/version: {{ .Chart.Version | replace "+" "_" | quote }}
  helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}
